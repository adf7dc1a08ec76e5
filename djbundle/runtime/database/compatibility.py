"""Finds the migrations with which code of the previous version cannot work.

During a rolling upgrade that code runs on other hosts while the database has the new migrations already. It reads and
writes the tables that it knows, so a migration may add to them, but may not take away, rename or narrow.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import singledispatchmethod

from django.db.migrations import operations as ops
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.operations.fields import FieldOperation
from django.db.migrations.operations.models import ModelOperation
from django.db.migrations.state import ModelState, ProjectState

from djbundle.runtime.database.narrowing import AnyField, Reason, has_column, needs_value, reason_of_alteration

HARMLESS = (
    *(ops.AddIndex, ops.RemoveIndex, ops.RenameIndex, ops.RemoveConstraint, ops.AlterIndexTogether),
    *(ops.AlterModelOptions, ops.AlterModelManagers, ops.AlterModelTableComment, ops.AlterConstraint),
)


@dataclass(frozen=True, slots=True)
class Hazard:
    """A step of a migration after which code of the previous version fails, or may fail."""

    migration: str  # "app.name"
    what: str  # such as "removes orders.Order.note"
    is_certain: bool  # False: it depends on the code, as with RunPython

    def __str__(self) -> str:
        return f"{self.migration} {self.what}"

    @property
    def warning(self) -> str:
        """A sentence for the administrator."""
        doubt = "cannot" if self.is_certain else "may not be able to"
        return f"{self}: the previous version {doubt} work with that"


def find_hazards(plan: Sequence[Migration], state: ProjectState) -> list[Hazard]:
    """Return the hazards of a plan, in its order. `state` is that of the applied migrations; it is not changed."""
    walk = _Walk(state.clone())
    hazards = [
        Hazard(f"{migration.app_label}.{migration.name}", reason.text, reason.is_certain)
        for migration in plan
        for reason in walk.through(migration.app_label, migration.operations)
    ]
    return list(dict.fromkeys(hazards))


@dataclass(slots=True)
class _Walk:
    """One walk through a plan. The previous version does not use what the plan itself adds.

    `reasons` yields why code before an operation cannot work after it. `state` is the one before the operation.
    """

    state: ProjectState
    new_models: set[tuple[str, str]] = field(default_factory=set)  # app and name, in lower case
    new_fields: set[tuple[str, str, str]] = field(default_factory=set)

    def through(self, app: str, operations: Iterable[Operation]) -> Iterator[Reason]:
        """Yield the reasons of all operations, and change the state as they do."""
        for operation in operations:
            yield from self.reasons(operation, app)
            operation.state_forwards(app, self.state)

    def aside(self, app: str, operations: Iterable[Operation]) -> Iterator[Reason]:
        """Yield the reasons of operations that are part of another one, which changes the state by itself."""
        yield from _Walk(self.state.clone(), self.new_models, self.new_fields).through(app, operations)

    @singledispatchmethod
    def reasons(self, operation: Operation, _app: str) -> Iterator[Reason]:
        is_harmless = isinstance(operation, HARMLESS) or operation.category is OperationCategory.ADDITION
        if not is_harmless:
            yield Reason(f"runs {type(operation).__name__}", is_certain=False)

    # --- what may be anything ---

    @reasons.register
    def _separate(self, operation: ops.SeparateDatabaseAndState, app: str) -> Iterator[Reason]:
        return self.aside(app, operation.database_operations)

    @reasons.register
    def _sql(self, operation: ops.RunSQL, app: str) -> Iterator[Reason]:
        yield from self.aside(app, operation.state_operations)
        if operation.sql != ops.RunSQL.noop:
            yield Reason("runs SQL", is_certain=False)

    @reasons.register
    def _python(self, operation: ops.RunPython, _app: str) -> Iterator[Reason]:
        if operation.code != ops.RunPython.noop:
            yield Reason("runs Python code", is_certain=False)

    # --- tables ---

    @reasons.register
    def _create_model(self, operation: ops.CreateModel, app: str) -> Iterator[Reason]:
        self.new_models.add((app, operation.name_lower))
        return iter(())

    @reasons.register
    def _delete_model(self, operation: ops.DeleteModel, app: str) -> Iterator[Reason]:
        if model := self._known(operation, app):
            yield Reason(f"deletes {app}.{model.name}")

    @reasons.register
    def _rename_model(self, operation: ops.RenameModel, app: str) -> Iterator[Reason]:
        if model := self._known(operation, app, operation.old_name):
            yield Reason(f"renames {app}.{model.name} to {operation.new_name}")
        else:
            self.new_models.add((app, operation.new_name_lower))

    @reasons.register
    def _alter_table(self, operation: ops.AlterModelTable, app: str) -> Iterator[Reason]:
        model = self._known(operation, app)
        if model and operation.table != model.options.get("db_table"):
            yield Reason(f"renames the table of {app}.{model.name}")

    @reasons.register
    def _alter_order(self, operation: ops.AlterOrderWithRespectTo, app: str) -> Iterator[Reason]:
        if model := self._known(operation, app):
            yield Reason(f"changes the order column of {app}.{model.name}")

    @reasons.register
    def _alter_unique(self, operation: ops.AlterUniqueTogether, app: str) -> Iterator[Reason]:
        if (model := self._known(operation, app)) and operation.option_value:
            yield Reason(f"requires unique values in {app}.{model.name}", is_certain=False)

    @reasons.register
    def _add_constraint(self, operation: ops.AddConstraint, app: str) -> Iterator[Reason]:
        if self._known(operation, app, operation.model_name):
            yield Reason(f"adds the constraint {operation.constraint.name}", is_certain=False)

    # --- columns ---

    @reasons.register
    def _add_field(self, operation: ops.AddField, app: str) -> Iterator[Reason]:
        self.new_fields.add(_key(operation, app))
        if (model := self._known(operation, app, operation.model_name)) and needs_value(operation.field):
            yield Reason(f"adds {app}.{model.name}.{operation.name}, which needs a value and has no db_default")

    @reasons.register
    def _remove_field(self, operation: ops.RemoveField, app: str) -> Iterator[Reason]:
        model = self._known(operation, app, operation.model_name)
        if model and _key(operation, app) not in self.new_fields:
            yield Reason(f"removes {app}.{model.name}.{operation.name}")

    @reasons.register
    def _rename_field(self, operation: ops.RenameField, app: str) -> Iterator[Reason]:
        model = self._known(operation, app, operation.model_name)
        if _key(operation, app) in self.new_fields:
            self.new_fields.add((app, operation.model_name_lower, operation.new_name_lower))
        elif model and _has_default_column(model.get_field(operation.old_name)):
            yield Reason(f"renames {app}.{model.name}.{operation.old_name} to {operation.new_name}")

    @reasons.register
    def _alter_field(self, operation: ops.AlterField, app: str) -> Iterator[Reason]:
        model = self._known(operation, app, operation.model_name)
        if model is None:
            return
        title = f"{app}.{model.name}.{operation.name}"
        if _key(operation, app) in self.new_fields:
            if needs_value(operation.field):
                yield Reason(f"makes {title} need a value, and it has no db_default")
        elif reason := reason_of_alteration(model.get_field(operation.name), operation.field):
            yield Reason(f"{reason.text} {title}", reason.is_certain)

    def _known(self, operation: Operation, app: str, name: str = "") -> ModelState | None:
        """Return the model of an operation; None if the previous version does not know it, or its table is not ours."""
        key = app, (name or (operation.name if isinstance(operation, ModelOperation) else "")).lower()
        model: ModelState | None = self.state.models.get(key)
        if model is None or key in self.new_models:
            return None
        is_ours = model.options.get("managed", True) and not model.options.get("proxy", False)
        return model if is_ours else None


def _key(operation: FieldOperation, app: str) -> tuple[str, str, str]:
    return app, operation.model_name_lower, operation.name_lower


def _has_default_column(field: AnyField) -> bool:
    """Return whether the column has the name of the field, and is renamed with it."""
    return has_column(field) and not field.db_column
