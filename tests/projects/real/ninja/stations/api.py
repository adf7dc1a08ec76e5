from django.shortcuts import get_object_or_404
from ninja import ModelSchema, NinjaAPI, Schema
from pydantic import Field

from .models import Station

api = NinjaAPI(title="Weather")


class StationIn(Schema):
    name: str = Field(min_length=2)
    height: float = Field(0, le=8849)


class StationOut(ModelSchema):
    class Meta:
        model = Station
        fields = ["id", "name", "height"]


@api.post("/stations", response={201: StationOut})
def add(request, given: StationIn):
    return 201, Station.objects.create(**given.dict())


@api.get("/stations", response=list[StationOut])
def every(request):
    return Station.objects.order_by("name")


@api.get("/stations/{number}", response=StationOut)
def one(request, number: int):
    return get_object_or_404(Station, pk=number)


@api.get("/async")
async def asynchronous(request):
    return {"stations": await Station.objects.acount()}
