"""The migrations of djbundle.tasks itself: hosts with older code go on while they are applied."""

import pytest
from django.core.management import CommandError, call_command
from django.db.migrations.loader import MigrationLoader

from djbundle.runtime.database.compatibility import find_hazards

APP = "djbundle_tasks"
BASE = (APP, "0005_versions")  # earlier ones add columns that older code does not fill


def test_older_code_can_work_with_later_migrations() -> None:
    loader = MigrationLoader(None)
    own = sorted(key for key in loader.graph.nodes if key[0] == APP and key[1] > BASE[1])
    assert len(own) >= 2
    hazards = find_hazards([loader.graph.nodes[key] for key in own], loader.project_state([BASE]))
    assert [str(hazard) for hazard in hazards if hazard.is_certain] == []


@pytest.mark.usefixtures("each_database")
def test_a_database_without_migrations_is_told() -> None:
    call_command("migrate", "djbundle_tasks", "zero", verbosity=0)
    try:
        with pytest.raises(CommandError, match="run migrate first"):
            call_command("tasks", "list")
    finally:
        call_command("migrate", verbosity=0)
