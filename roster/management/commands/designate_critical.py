from argparse import ArgumentTypeError
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from roster.files.pinned_projects import read_always
from roster.files.source import read_source
from roster.management.commands._arguments import a_count, operator
from roster.services.designations import designate_critical


def a_percentage(text: str) -> Decimal:
    try:
        percent = Decimal(text)
    except InvalidOperation:
        percent = Decimal(0)
    if not (percent.is_finite() and 0 < percent <= 100):
        raise ArgumentTypeError(f"{text!r} is not a percentage above 0, up to 100")
    return percent


class Command(KeydeskCommand):
    help = "Designate the most downloaded projects of the last download list as critical, permanently."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        size = parser.add_mutually_exclusive_group()
        size.add_argument(
            "--top-percent", type=a_percentage, metavar="P", help="of all projects of the index; default 1"
        )
        size.add_argument("--cohort-size", type=a_count, metavar="N", help="how many projects instead")
        parser.add_argument(
            "--total-projects",
            type=a_count,
            metavar="N",
            help="projects in the whole index, when the download list is only its top",
        )
        parser.add_argument(
            "--always", type=Path, metavar="FILE", help="projects always critical, one name a line"
        )

    def run(self, options: Options) -> JsonObject:
        always = read_always(read_source(options["always"])) if options["always"] else []
        designated = designate_critical(
            top_percent=options["top_percent"],
            cohort_size=options["cohort_size"],
            total_projects=options["total_projects"],
            always=always,
            actor=operator(),
            now=clock.now(),
        )
        return asdict(designated)

    def show(self, document: JsonObject) -> None:
        self.stdout.write(
            "The cutoff is at rank {cutoff_rank} of {total_projects}, at {cutoff_downloads} downloads; "
            "{in_cohort} projects reach it.".format(**document)
        )
        self.stdout.write(
            "{added} projects added, {kept} kept ({fallen} of them below the cutoff): "
            "{critical} are critical.".format(**document)
        )
