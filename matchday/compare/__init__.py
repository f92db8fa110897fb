"""How wrong was the prediction: pure scoring of one outcome against another, no files and no pictures."""

from matchday.compare.comparison import Comparison as Comparison
from matchday.compare.score import compare as compare
