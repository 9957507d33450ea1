"""`python -m timbre_charts`: write the generated files of the charts."""

from timbre_charts.files import generated

for path, text in generated().items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
