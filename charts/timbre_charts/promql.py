"""The PromQL that panels share. `${namespace}` and `$__rate_interval` are Grafana's."""

from typing import Final

from timbre_charts.panels import Query

HERE: Final = 'namespace=~"${namespace}"'
"""What every selector bears."""


def rate(metric: str, *matchers: str, by: str) -> str:
    """How fast a counter grows a second, summed."""
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (rate({metric}{{{', '.join((*matchers, HERE))}}}[$__rate_interval]))"


def per_minute(metric: str, by: str) -> Query:
    """How much a counter grows a minute, called by the label."""
    return Query(f"60 * {rate(metric, by=by)}", f"{{{{{by}}}}}")


def total(metric: str, by: str, name: str = "") -> Query:
    """A gauge, summed, called by the label and the name."""
    return Query(f"sum by ({by}) ({metric}{{{HERE}}})", f"{{{{{by}}}}} {name}".strip())


def quantiles(metric: str, *matchers: str, by: str, levels: tuple[float, ...] = (0.5, 0.95)) -> tuple[Query, ...]:
    """Quantiles of a histogram, called by the label."""
    buckets = rate(f"{metric}_bucket", *matchers, by=f"{by}, le")
    return tuple(
        Query(f"histogram_quantile({level}, {buckets})", f"{{{{{by}}}}} p{round(level * 100)}") for level in levels
    )
