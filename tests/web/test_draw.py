"""Words of a chart stand where they have room."""

from apps.web.charts import Value, columns


def months(*counts: int, year: str = "2024") -> list[Value]:
    return [Value(f"{place}", count, str(count), "q", short="Jan", group=year) for place, count in enumerate(counts)]


def test_every_count_that_has_room_is_shown() -> None:
    assert {column.shown_at for column in columns(months(*[5] * 36))} == {"narrow medium wide"}
    assert {column.shown_at for column in columns(months(*[1234] * 36))} == {""}
    assert {column.shown_at for column in columns(months(*[1234] * 12))} == {"medium wide"}


def test_a_count_may_hang_over_lower_neighbours() -> None:
    drawn = columns(months(*[0, 0, 1234, 0, 0] * 7))

    assert drawn[2].shown_at == "narrow medium wide"
    assert columns(months(*[10, 10, 1234, 10, 10] * 7))[2].shown_at == "narrow medium wide"
    assert columns(months(*[0, 1234, 1234, 0, 0] * 7))[2].shown_at == ""


def test_a_few_columns_do_not_fill_the_page() -> None:
    [column] = columns(months(3))

    assert float(column.width.rstrip("%")) < 9
    assert column.group_at == "narrow medium wide"


def test_years_are_named_where_they_are_wide_enough() -> None:
    values = [*months(1, 1, year="2022"), *months(*[1] * 12, year="2023"), *months(*[1] * 22, year="2024")]
    named = [(column.value.group, column.group_at) for column in columns(values) if column.group_at]

    assert named == [("2022", "medium wide"), ("2023", "narrow medium wide"), ("2024", "narrow medium wide")]


def test_where_no_year_is_wide_enough_as_many_are_named_as_have_room() -> None:
    values = [value for year in range(2000, 2024) for value in months(1, year=str(year))]
    drawn = columns(values)

    assert ["narrow" in column.group_at for column in drawn].count(True) == 8
    assert all("wide" in column.group_at for column in drawn)
