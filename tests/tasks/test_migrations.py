"""The migrations of djbundle.tasks itself: hosts with older code go on while they are applied."""

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
