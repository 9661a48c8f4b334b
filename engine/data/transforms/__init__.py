"""Images with boxes and masks, by the names of `torchvision.transforms.v2`; tables by scikit-learn's; texts as rows.

>>> from engine.data import transforms
>>> transforms.RandomRotation((0, 10))
RandomRotation(degrees=(0.0, 10.0), interpolation='nearest', center=None, fill=0.0)
"""

from engine import lazy

__getattr__, __dir__, __all__ = lazy.names_of(__name__)
