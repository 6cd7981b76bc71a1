"""What the compose files promise before anything runs."""

import json
from typing import Any

import pytest

from tests.e2e.containers import ROOT, compose_config

SERVERS = ("db", "redis")
ONCE = ("database-password", "demo-audio", "demo-metric", "demo-video", "migrate")
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


@pytest.fixture(params=[*OURS, *SERVERS, *ONCE])
def service(request: pytest.FixtureRequest, project: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": request.param, **project["services"][request.param]}
    return found


def test_every_service_is_tested_here(project: dict[str, Any]) -> None:
    assert project["services"].keys() == {*OURS, *SERVERS, *ONCE}


def test_a_service_cannot_write_its_own_root(service: dict[str, Any]) -> None:
    assert service["read_only"] is True


def test_a_services_temporary_files_have_a_limit(service: dict[str, Any]) -> None:
    mounts = dict(mount.split(":", 1) for mount in service["tmpfs"])
    assert "/tmp" in mounts
    assert all("size=" in options for options in mounts.values())


def test_a_service_has_no_power_that_it_does_not_need(service: dict[str, Any]) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == (["CHOWN"] if service["name"] == "database-password" else [])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert not {"pid", "ipc", "userns_mode", "devices", "cgroup_parent"} & service.keys()
    assert service.get("network_mode") in (None, "none")


def test_a_service_has_limits(service: dict[str, Any]) -> None:
    assert 0 < int(service["mem_limit"]) <= 8 << 30
    assert 0 < service["pids_limit"] <= 2048
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_a_service_mounts_named_volumes_only(service: dict[str, Any]) -> None:
    assert {mount["type"] for mount in service.get("volumes", [])} <= {"volume"}


def test_a_service_is_not_root(service: dict[str, Any]) -> None:
    """Ours by their images; the one exception gives two files to their owners and ends."""
    expected = {"db": "postgres", "redis": "valkey"}
    assert service.get("user") == expected.get(service["name"])
    if service["name"] in {*OURS, *ONCE} - {"database-password"}:
        dockerfile = service["image"].removeprefix("needledrop/").split(":")[0].replace("-", "_")
        lines = (ROOT / "services" / dockerfile / "Dockerfile").read_text().splitlines()
        assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]


def test_only_the_api_has_a_network_that_leads_anywhere(project: dict[str, Any], service: dict[str, Any]) -> None:
    open_networks = {name for name, network in project["networks"].items() if not network.get("internal")}
    assert open_networks & service.get("networks", {}).keys() == ({"front"} if service["name"] == "matcher" else set())


def test_the_apis_own_network_does_not_lead_out(project: dict[str, Any]) -> None:
    options = project["networks"]["front"]["driver_opts"]
    assert options == {"com.docker.network.bridge.enable_ip_masquerade": "false"}


def test_the_extractors_get_no_secret_of_the_database(project: dict[str, Any]) -> None:
    for name in ("audio-extractor", "video-extractor"):
        assert "needledrop_database_url" not in {secret["source"] for secret in project["services"][name]["secrets"]}
        assert "/run/database" not in {mount["target"] for mount in project["services"][name]["volumes"]}


def test_a_service_has_time_to_end(project: dict[str, Any]) -> None:
    for name in (*OURS, "db"):
        assert project["services"][name]["stop_grace_period"] == "1m0s"


def test_limits_come_from_the_environment() -> None:
    services = json.loads(compose_config("docker-compose.yml", NEEDLEDROP_VIDEO_MEMORY="12g"))["services"]
    assert int(services["video-extractor"]["mem_limit"]) == 12 << 30


def test_the_extractors_share_no_network_with_the_database(project: dict[str, Any]) -> None:
    data = project["services"]["db"]["networks"].keys()
    for name in ("audio-extractor", "video-extractor"):
        assert not data & project["services"][name]["networks"].keys()


def test_the_extractors_reach_nothing_outside(project: dict[str, Any]) -> None:
    for name in ("audio-extractor", "video-extractor"):
        assert all(project["networks"][network]["internal"] for network in project["services"][name]["networks"])


def test_a_bucket_is_reached_by_all_that_read_or_write_media_and_by_the_restoring_of_a_backup() -> None:
    opened = json.loads(compose_config("docker-compose.yml", NEEDLEDROP_ISOLATED="false", NEEDLEDROP_MASQUERADE="true"))
    open_networks = {name for name, network in opened["networks"].items() if not network.get("internal")}
    for name in (*OURS, "migrate"):
        assert open_networks & opened["services"][name]["networks"].keys(), name


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
