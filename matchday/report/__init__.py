"""What a run directory says, as a page for people: `write_report(run_dir)` writes report.html and report.md.

`record` reads files; `content` finds the words, `pictures` the curves; `chart` draws; `write` knows the two formats.
"""

from matchday.report.write import write_report as write_report
