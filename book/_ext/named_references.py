"""References by the names that the text cites them by, ``[Perona and Malik, 1990]``, instead of codes."""

from collections import Counter
from string import ascii_lowercase

from pybtex.plugin import register_plugin
from pybtex.style.formatting.unsrt import Style as Unsorted
from pybtex.style.labels import BaseLabelStyle


class NameLabels(BaseLabelStyle):
    """Last names and the year: of three and more the first; a letter where two would be alike."""

    def format_labels(self, sorted_entries):
        labels = [_label(entry) for entry in sorted_entries]
        count, seen = Counter(labels), Counter()
        for label in labels:
            seen[label] += 1
            yield label + (ascii_lowercase[seen[label] - 1] if count[label] > 1 else "")


def _label(entry) -> str:
    last = [
        " ".join(map(str, person.rich_prelast_names + person.rich_last_names))
        for person in _people(entry)
    ]
    several = len(last) > 2 or last[1:] == ["others"]
    names = f"{last[0]} et al." if several else " and ".join(last) or entry.key
    return f"{names}, {entry.fields.get('year', 'n.d.')}"


def _people(entry):
    return entry.persons.get("author") or entry.persons.get("editor") or []


class Named(Unsorted):
    """By author, year and title, labelled by :class:`NameLabels`."""

    default_sorting_style = "author_year_title"
    default_label_style = NameLabels


def setup(app):
    register_plugin("pybtex.style.formatting", "named", Named)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
