"""The nearest town, without asking anybody."""

import pytest

from media.places import nearest


@pytest.mark.parametrize(
    ("latitude", "longitude", "city", "country"),
    [
        (48.8566, 2.3522, "Paris", "FR"),
        (43.4682, 11.8802, "Arezzo", "IT"),
        (-33.8688, 151.2093, "Sydney", "AU"),
        (-43.953, -176.561, "Waitangi", "NZ"),  # beyond the date line
        (78.2232, 15.6469, "Longyearbyen", "SJ"),
    ],
)
def test_a_position_has_its_town(latitude: float, longitude: float, city: str, country: str) -> None:
    (place,) = nearest([latitude], [longitude])
    assert place is not None
    assert (place.city, place.country_code) == (city, country)
    assert place.distance_km < 10


def test_the_open_sea_the_pole_and_no_number_have_none() -> None:
    assert nearest([0.0, 90.0, float("nan")], [-30.0, 0.0, 1.0]) == [None, None, None]


def test_answers_stand_in_the_order_of_the_questions() -> None:
    found = nearest([48.8566, 0.0, 52.52], [2.3522, -30.0, 13.405])
    assert [place and place.country_code for place in found] == ["FR", None, "DE"]
    assert nearest([], []) == []


def test_as_many_latitudes_as_longitudes() -> None:
    with pytest.raises(ValueError, match="as many"):
        nearest([1.0], [])
