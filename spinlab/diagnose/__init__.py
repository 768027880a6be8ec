"""In which phase is this matrix of weights? A report with evidence and three separate verdicts."""

from .reading import read_model as read_model
from .report import Part as Part
from .report import Report as Report
from .report import diagnose as diagnose
from .verdicts import Verdict as Verdict

__all__ = ["Part", "Report", "Verdict", "diagnose", "read_model"]
