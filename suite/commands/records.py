"""`carrousel report`, `compare` and `export`: what is made of records."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder for the site of all DIRs together, with their records and catalogue.  [default: DIR itself, where it is one]")
@click.option("--publish", type=click.Path(path_type=Path), help="Also write pages and records (one sorted JSONL) to this folder, to be committed: without downloads, and with the scripts of ../assets where they are.")
@click.option("--downloads/--no-downloads", default=None, help="Every table as PNG, PDF, CSV, JSON and LaTeX, every figure as SVG, PNG and PDF.  [default: of no more than 2,000 runs]")
@click.option("--history", type=click.Path(path_type=Path, file_okay=False, exists=True), help="asv's folder of results, for the page of regressions.")
@click.option("--assets", default="assets", show_default=True, help="Where scripts and style sheet go, as seen from a page; sites may share them.")
@click.option("--watch", is_flag=True, help="Draw again whenever a record comes in, until Ctrl-C; open pages follow.")
def report_command(folders: tuple[Path, ...], out: Path | None, publish: Path | None, downloads: bool | None, history: Path | None, assets: str, watch: bool) -> int:
    """Write the site of the records in DIR again, or of several machines' DIRs together, and print the path of its first page.

    \b
    carrousel report reports/local/quick
    carrousel report here there -o merged
    carrousel report reports/local/quick --watch --no-downloads
    """  # noqa: D301
    from suite.report.merging import follow, merge
    from suite.report.site import Options, render
    from suite.report.site import publish as publish_site

    if len(folders) > 1 and out is None:
        raise ValueError("several folders make one site in a folder of its own: give it with --out")
    options = Options(assets, downloads, history, lambda said: click.echo(f"carrousel: {said}", err=True), watch)

    def draw() -> None:
        page = render(merge(folders, out) if out else folders[0], options)
        click.echo(str(publish_site(page.parent, publish, options._replace(watched=False)) if publish else page))

    if not watch:
        draw()
        return 0
    try:
        follow(folders, draw)
    except KeyboardInterrupt:
        options._replace(watched=False).told("no longer watching")
    return 0


@click.command("compare")
@click.argument("before")
@click.argument("after")
@click.option("--json", "as_json", is_flag=True, help="The same numbers as an object.")
def compare_command(before: str, after: str, as_json: bool) -> int:
    """Hold the records of AFTER against those of BEFORE: scores by seed, times, memory, parameters.

    \b
    A place is a folder that was run or published, or a part of it:
    carrousel compare yesterday today
    carrousel compare runs@1f2e3d runs@9a8b7c   (two commits, or two machines)

    Status 1: something is worse, or failed. 3: the data cannot tell. Times and bytes of different machines are not compared.
    """  # noqa: D301
    from suite.regress import table
    from suite.regress.compare import compared
    from suite.regress.judge import status
    from suite.regress.places import Place

    first, second = Place.of(before), Place.of(after)
    for line in (*first.skipped, *second.skipped):
        click.echo(f"carrousel: {line}", err=True)
    found = compared(first, second)
    notes = [f"Before: {first.described}.", f"After: {second.described}.", "", *table.RECORDS]
    click.echo(table.written(found, before=before, after=after) if as_json else table.markdown(found, f"{before} against {after}", notes), nl=False)
    return status(found)


@click.command("export")
@click.argument("places", nargs=-1, required=True, metavar="FOLDER...")
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="File or folder to write.")
@click.option("--format", "format_name", help="jsonl, records, csv, curves, parquet, huggingface, tensorboard or latex.  [default: by the suffix of --out]")
@click.option("--every", is_flag=True, help="Every machine's record of a run, not the one that counts.")
def export_command(places: tuple[str, ...], out: Path, format_name: str | None, every: bool) -> int:
    """Write the records of every FOLDER, or file of one record a line, in a form for other programs, and print its path.

    \b
    carrousel export results -o runs.parquet
    carrousel export here there -o merged --format records
    carrousel export results -o hub --format huggingface
    """  # noqa: D301
    from suite.exports.export import format_of, write
    from suite.runs.sources import counted, gather, told

    form = format_of(out, format_name)
    runs, skipped = gather(*places)
    for said in told(skipped):
        click.echo(f"carrousel: {said}", err=True)
    click.echo(str(write(counted(runs, every=every), out, form, places)))
    return 0
