"""The figures as plots (SVG): bars for a comparison, lines for what grows.

Colours are of the Okabe-Ito palette, which people who see few colours can tell apart; dgo, floors, peers and Go also
differ by hatching, and every bar has its number. Plots need matplotlib, which is in the extra ``bench``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import _budgets
from _bench import DGO, Figure, number

INK = "#222222"
BLUE, ORANGE, SKY, GREY, VERMILION, GREEN = "#0072B2", "#E69F00", "#56B4E9", "#999999", "#D55E00", "#009E73"
LINES = ((BLUE, "o", "-"), (VERMILION, "s", "--"), (GREEN, "^", "-."), (ORANGE, "D", ":"))
WIDTH = 7.5  # inches
BAR = 0.32
STEEP = 20  # from the least to the most: beyond that lines need a logarithmic scale
GROWTH = re.compile(r"^(?P<what>.+?), (?P<x>[\d,]+) (?P<of>[a-z ]+)$")  # "goroutines a second, 4 workers"


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {
            "svg.fonttype": "none",  # text stays text: small, and found by a search
            "svg.hashsalt": "dgo",  # the same figures give the same file
            "font.family": "sans-serif",
            "font.size": 9,
            "text.color": INK,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.edgecolor": GREY,
            "hatch.linewidth": 0.6,
        }
    )
    from matplotlib import pyplot

    return pyplot


def available() -> bool:
    """Whether plots can be made."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def look(figure: Figure) -> dict[str, str]:
    """Colour and hatching of a contender."""
    if figure.who == DGO:
        return {"color": BLUE}
    if figure.is_floor:
        return {"color": GREY, "hatch": "///"}
    if figure.who.startswith(DGO):
        return {"color": SKY, "hatch": "\\\\\\"}
    return {"color": ORANGE} if figure.is_peer else {"color": GREEN, "hatch": "xx"}


def bars(what: str, figures: list[Figure], target: Path) -> None:
    """One comparison as bars on a logarithmic scale, with its budget if it has one."""
    pyplot = _pyplot()
    figures = [figure for figure in figures if figure.median > 0]
    figures.sort(key=lambda figure: figure.median, reverse=not figures[0].more_is_better)
    fig, axes = pyplot.subplots(figsize=(WIDTH, 0.9 + BAR * len(figures)), layout="constrained")
    for place, figure in enumerate(figures):
        axes.barh(place, figure.median, height=0.7, edgecolor="white", linewidth=0, **look(figure))
        axes.annotate(
            number(figure.median),
            (figure.median, place),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    axes.set_yticks(range(len(figures)), [figure.who for figure in figures])
    for label, figure in zip(axes.get_yticklabels(), figures, strict=True):
        label.set_fontweight("bold" if figure.who == DGO else "normal")
    axes.set_xscale("log")
    budget = next((budget for budget in _budgets.BUDGETS if budget.what == what), None)
    bound = budget.bound(figures) if budget else None
    lowest = min([figure.median for figure in figures] + ([bound] if bound else []))
    highest = max([figure.median for figure in figures] + ([bound] if bound else []))
    axes.set_xlim(lowest / 3, highest * 3)
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    if budget and bound:
        axes.axvline(bound, color=VERMILION, linestyle="--", linewidth=1.2)
        axes.set_title(f"{what}\nbudget (dashed): {budget.text()}", fontsize=9, loc="left")
    else:
        axes.set_title(what, fontsize=9, loc="left")
    better = {True: ", more is better", False: ", less is better", None: ""}[figures[0].more_is_better]
    axes.set_xlabel(f"{figures[0].unit}, logarithmic{better}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    save(pyplot, fig, target)


def curves(title: str, xlabel: str, series: dict[str, list[tuple[float, Figure]]], target: Path) -> None:
    """What was measured at growing sizes, as lines; the shade is from the least to the most."""
    pyplot = _pyplot()
    fig, axes = pyplot.subplots(figsize=(WIDTH, 3.2), layout="constrained")
    for (name, points), (color, marker, style) in zip(series.items(), LINES, strict=False):
        points.sort(key=lambda point: point[0])
        sizes = [size for size, _ in points]
        axes.plot(
            sizes, [figure.median for _, figure in points], color=color, marker=marker, linestyle=style, label=name
        )
        axes.fill_between(
            sizes,
            [min(figure.samples) for _, figure in points],
            [max(figure.samples) for _, figure in points],
            color=color,
            alpha=0.15,
            linewidth=0,
        )
    first = next(iter(series.values()))[0][1]
    axes.set_xscale("log", base=2 if max(size for points in series.values() for size, _ in points) <= 64 else 10)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.minorticks_off()
    medians = [figure.median for points in series.values() for _, figure in points]
    logarithmic = min(medians) > 0 and max(medians) > STEEP * min(medians)
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(lambda value, _: "")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(f"{first.unit}{', logarithmic' if logarithmic else ''}")
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.set_title(title, fontsize=9, loc="left")
    if len(series) > 1:
        fig.legend(loc="outside lower center", ncols=len(series), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    save(pyplot, fig, target)


def save(pyplot: Any, fig: Any, target: Path) -> None:
    """Writes a plot; without the date, so that the same figures give the same file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(target, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    pyplot.close(fig)


def grouped(figures: Iterable[Figure]) -> dict[str, list[Figure]]:
    """Figures by comparison."""
    found: dict[str, list[Figure]] = {}
    for figure in figures:
        found.setdefault(figure.what, []).append(figure)
    return found


def draw(name: str, figures: Iterable[Figure], folder: Path) -> list[tuple[str, str]]:
    """Draws what a script found: bars where contenders stand beside each other, lines where sizes grow.

    Returns:
        The file names, with what they show.
    """
    drawn: list[tuple[str, str]] = []
    growing: dict[tuple[str, str, str], dict[str, list[tuple[float, Figure]]]] = {}
    for what, among in grouped(figures).items():
        if name.startswith("scale") and (match := GROWTH.match(what)):
            key = (match["what"], match["of"], among[0].unit)
            for figure in among:
                size = float(match["x"].replace(",", ""))
                growing.setdefault(key, {}).setdefault(figure.who, []).append((size, figure))
        elif len(among) > 1 and among[0].more_is_better is not None:
            file = f"{name}-{len(drawn) + 1}.svg"
            bars(what, among, folder / file)
            drawn.append((file, what))
    for (what, of, _), series in growing.items():
        file = f"{name}-{len(drawn) + 1}.svg"
        curves(what, of, series, folder / file)
        drawn.append((file, f"{what}, by the number of {of}"))
    return drawn
