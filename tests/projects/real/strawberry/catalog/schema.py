import strawberry
import strawberry_django
from strawberry import auto
from strawberry_django.optimizer import DjangoOptimizerExtension

from . import models


@strawberry_django.type(models.Fruit)
class Fruit:
    id: auto
    name: auto
    weight: auto


@strawberry_django.input(models.Fruit)
class FruitInput:
    name: auto
    weight: auto


@strawberry.type
class Query:
    fruits: list[Fruit] = strawberry_django.field()


@strawberry.type
class Mutation:
    create_fruit: Fruit = strawberry_django.mutations.create(FruitInput)


schema = strawberry.Schema(query=Query, mutation=Mutation, extensions=[DjangoOptimizerExtension])
