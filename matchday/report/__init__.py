"""What a run directory says, as a page for people: `write_report(run_dir)` writes report.html and report.md.

`record` reads files; `content` and `tables` find the words, `pictures` and `failures` what is drawn; `chart` and `ranges`
draw it on an `axis`; `write` knows the two formats.
"""

from matchday.report.write import write_report as write_report
