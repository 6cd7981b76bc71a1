"""What the compose files promise before anything runs."""

import json
from typing import Any

import pytest

from tests.e2e.containers import compose_config

OURS = ("matcher", "dispatcher", "matcher-worker", "trainer", "audio-extractor", "video-extractor")
pytestmark = pytest.mark.usefixtures("docker")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(compose_config("docker-compose.yml"))
    return read


def test_only_the_api_is_published_and_only_on_the_loopback_address(project: dict[str, Any]) -> None:
    published = {
        (name, port["host_ip"], port["published"], port["target"])
        for name, service in project["services"].items()
        for port in service.get("ports", [])
    }
    assert published == {("matcher", "127.0.0.1", "8000", 8000)}


def test_the_extractors_share_no_network_with_the_database(project: dict[str, Any]) -> None:
    data = project["services"]["db"]["networks"].keys()
    for name in ("audio-extractor", "video-extractor"):
        assert not data & project["services"][name]["networks"].keys()


def test_the_extractors_reach_nothing_outside(project: dict[str, Any]) -> None:
    for name in ("audio-extractor", "video-extractor"):
        assert all(project["networks"][network]["internal"] for network in project["services"][name]["networks"])


def test_no_password_stands_in_the_project(project: dict[str, Any]) -> None:
    environment = project["services"]["db"]["environment"]
    assert environment.keys() == {"POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD_FILE"}


def test_settings_reach_the_processes_from_the_environment() -> None:
    services = json.loads(
        compose_config("docker-compose.yml", NEEDLEDROP_BUNDLE="/models/mine", NEEDLEDROP_PORT="9123")
    )["services"]
    assert all(services[name]["environment"]["NEEDLEDROP_BUNDLE"] == "/models/mine" for name in OURS)
    assert services["matcher"]["ports"][0]["published"] == "9123"
    assert services["matcher"]["ports"][0]["target"] == 8000


def test_the_gpu_file_reserves_a_gpu_for_both_extractors_and_for_nothing_else() -> None:
    services = json.loads(compose_config("docker-compose.yml", "docker-compose.gpu.yml"))["services"]
    reserved = {
        name: service["deploy"]["resources"]["reservations"]["devices"][0]
        for name, service in services.items()
        if "reservations" in service.get("deploy", {}).get("resources", {})
    }
    assert reserved.keys() == {"audio-extractor", "video-extractor"}
    assert all(device["driver"] == "nvidia" and device["capabilities"] == ["gpu"] for device in reserved.values())


def test_the_gpu_file_builds_the_audio_extractor_with_cuda() -> None:
    service = json.loads(compose_config("docker-compose.yml", "docker-compose.gpu.yml"))["services"]["audio-extractor"]
    assert service["build"]["args"] == {"PINS": "requirements/audio-gpu.txt"}
    assert service["environment"]["NEEDLEDROP_DEVICE"] == "cuda"
    assert service["image"].split(":")[0] == "needledrop/audio-extractor-gpu"
