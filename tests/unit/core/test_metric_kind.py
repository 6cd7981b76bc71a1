import pickle

from needledrop.metric_kind import MetricKind


def test_a_kind_is_its_name_and_has_a_description_that_no_other_has() -> None:
    assert [str(kind) for kind in MetricKind] == ["needledrop", "va_metric", "va_metric2"]
    assert MetricKind("va_metric") is MetricKind.VA_METRIC
    assert pickle.loads(pickle.dumps(MetricKind.VA_METRIC2)) is MetricKind.VA_METRIC2
    assert len({kind.description for kind in MetricKind}) == len(MetricKind)


def test_all_kinds_are_described_in_one_line() -> None:
    for kind in MetricKind:
        assert f"{kind.value}: {kind.description}" in MetricKind.described()
