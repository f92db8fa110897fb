"""What a run directory says, as a page for people: `write_report(run_dir)` writes report.html and report.md.

Layers: `record` reads files; `verdict`, `scores`, `pictures`, `evidence` turn outcomes into the parts of `parts`;
`page` puts them in order; `html` and `markdown` know the two formats and nothing of outcomes.
"""

from matchday.report.write import write_report as write_report
