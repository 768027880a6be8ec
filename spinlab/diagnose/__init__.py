"""In which phase is this matrix of weights? A report with evidence and three separate verdicts."""

import sys
from types import ModuleType
from typing import Any

from .reading import read_model as read_model
from .report import Part as Part
from .report import Report as Report
from .report import diagnose as diagnose
from .verdicts import Verdict as Verdict

__all__ = ["Part", "Report", "Verdict", "diagnose", "read_model"]


class _Package(ModuleType):
    """The function has the name of its package, so that the package is called by mistake."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        raise TypeError(
            "spinlab.diagnose is a package; its function is spinlab.diagnose.diagnose(weights, rbm=True), or "
            "`spinlab diagnose FILE` in a shell"
        )


sys.modules[__name__].__class__ = _Package
