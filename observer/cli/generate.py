"""The commands that generate: rules, configurations and dashboards from templates."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from observer.cli.typed import run_app
from observer.errors import ConfigurationError
from observer.generator import build, output, overrides, routing, sources
from observer.generator.pack import Pack, read_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from observer.generator.catalogue import Declaration
    from observer.generator.output import GeneratedFile

generate = typer.Typer(
    name="generate",
    help="Generate Prometheus rules with their tests, configurations and dashboards from templates.",
    no_args_is_help=True,
    add_completion=False,
)

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Where the files go; in a checkout, where they are committed."),
]
Check = Annotated[
    bool, typer.Option("--check", help="Write nothing; exit 1 with a diff if the files would change.")
]
Overrides = Annotated[
    Path | None,
    typer.Option("--overrides", metavar="FILE", help="Your YAML with parameters, signals, alerts by id."),
]
ScrapeInterval = Annotated[
    str | None,
    typer.Option("--scrape-interval", metavar="DURATION", help="How often Prometheus scrapes; 15s."),
]
ForScale = Annotated[
    float | None, typer.Option("--for-scale", help="Factor on every waiting time; 0.1 makes a demonstration.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other parameter, as observer_addresses=HOST:PORT."),
]
RangeScale = Annotated[
    float | None, typer.Option("--range-scale", help="Factor on every range; never below four scrapes.")
]


def own_declarations() -> Sequence[Declaration]:
    """What Observer exports; asked for here, so that tests of templates need no exporter."""
    module = importlib.import_module("observer.app.catalogue")
    return cast("Sequence[Declaration]", module.catalogue())


def _roots(out: Path | None) -> dict[sources.Family, Path]:
    if out is not None:
        return {"rules": out, "dashboards": out / "grafana"}
    rules, dashboards = sources.checkout("rules"), sources.checkout("dashboards")
    if rules is None or dashboards is None:
        raise ConfigurationError(
            "There is no checkout to generate into", remedy="Say where the files go: --out DIR."
        )
    return {"rules": rules / "generated", "dashboards": dashboards / "generated"}


def _given(settings: list[str] | None, **options: object | None) -> dict[str, object]:
    """The parameters that the command line gives; an option outranks ``--set``."""
    given: dict[str, object] = {}
    for setting in settings or ():
        name, equals, value = setting.partition("=")
        if not equals:
            raise ConfigurationError(f"--set {setting} gives no value", remedy="Write --set NAME=VALUE.")
        given[name.strip()] = value
    return given | {name: value for name, value in options.items() if value is not None}


def _run(
    make: Callable[[Pack], Iterable[GeneratedFile]],
    *,
    out: Path | None,
    check: bool,
    override_file: Path | None,
    given: Mapping[str, object],
) -> None:
    site = overrides.load(override_file)
    pack = read_pack(
        rules=sources.folder_of("rules"),
        dashboards=sources.folder_of("dashboards"),
        declarations=own_declarations(),
        overrides=site,
        parameters=site.merged_parameters(
            {name: value for name, value in given.items() if value is not None}
        ),
    )
    files = list(make(pack))
    roots = _roots(out)
    if check:
        diff = output.differences(files, roots)
        if diff:
            typer.echo(diff, nl=False)
            typer.echo("Generated files differ from their templates; run: observer generate all", err=True)
            raise typer.Exit(1)
        typer.echo(f"{len(files)} generated files are as their templates say.")
        return
    changed = output.write(files, roots)
    typer.echo(f"{len(files)} files generated, {len(changed)} of them changed.")


@generate.command(name="rules")
def rules(
    *,
    out: Out = None,
    check: Check = False,
    overrides_file: Overrides = None,
    scrape_interval: ScrapeInterval = None,
    for_scale: ForScale = None,
    range_scale: RangeScale = None,
    settings: Settings = None,
) -> None:
    """Alert and recording rules, a promtool test and a runbook for every alert."""
    given = _given(settings, scrape_interval=scrape_interval, for_scale=for_scale, range_scale=range_scale)
    _run(build.rule_files, out=out, check=check, override_file=overrides_file, given=given)


@generate.command(name="prometheus")
def prometheus(
    *,
    out: Out = None,
    check: Check = False,
    overrides_file: Overrides = None,
    scrape_interval: ScrapeInterval = None,
    for_scale: ForScale = None,
    range_scale: RangeScale = None,
    settings: Settings = None,
) -> None:
    """Prometheus's configuration: the scrape of Observer, the rules, the Alertmanagers."""
    given = _given(settings, scrape_interval=scrape_interval, for_scale=for_scale, range_scale=range_scale)
    _run(build.prometheus_files, out=out, check=check, override_file=overrides_file, given=given)


@generate.command(name="alertmanager")
def alertmanager(
    *,
    out: Out = None,
    check: Check = False,
    overrides_file: Overrides = None,
    scrape_interval: ScrapeInterval = None,
    for_scale: ForScale = None,
    range_scale: RangeScale = None,
    settings: Settings = None,
) -> None:
    """Alertmanager's configuration: routes by severity, and which alert mutes which."""
    given = _given(settings, scrape_interval=scrape_interval, for_scale=for_scale, range_scale=range_scale)
    _run(routing.alertmanager_files, out=out, check=check, override_file=overrides_file, given=given)


@generate.command(name="dashboards")
def dashboards(
    *,
    out: Out = None,
    check: Check = False,
    overrides_file: Overrides = None,
    scrape_interval: ScrapeInterval = None,
    for_scale: ForScale = None,
    range_scale: RangeScale = None,
    settings: Settings = None,
) -> None:
    """Grafana's dashboards, and the provisioning files that load them."""
    given = _given(settings, scrape_interval=scrape_interval, for_scale=for_scale, range_scale=range_scale)
    _run(build.grafana_files, out=out, check=check, override_file=overrides_file, given=given)


@generate.command(name="all")
def everything(
    *,
    out: Out = None,
    check: Check = False,
    overrides_file: Overrides = None,
    scrape_interval: ScrapeInterval = None,
    for_scale: ForScale = None,
    range_scale: RangeScale = None,
    settings: Settings = None,
) -> None:
    """Everything that can be generated."""
    given = _given(settings, scrape_interval=scrape_interval, for_scale=for_scale, range_scale=range_scale)
    _run(build.all_files, out=out, check=check, override_file=overrides_file, given=given)


def run(arguments: Sequence[str]) -> int:
    """Run one of the sub-commands."""
    return run_app(generate, arguments, name="generate")
