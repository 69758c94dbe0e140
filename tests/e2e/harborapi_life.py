"""A scripted life with harborapi: everything a proxy cache project has is made, used, listed and deleted.

    harborapi_life.py HOST UPSTREAM FOLDER

The client reads every answer into its models; one that does not fit ends the script. Writes to FOLDER/life.txt how much
was asked.
"""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from harborapi import HarborAsyncClient
from harborapi import exceptions
from harborapi.models import (
    Access,
    Configurations,
    Label,
    ProjectMetadata,
    ProjectReq,
    QuotaUpdateReq,
    Registry,
    RegistryCredential,
    RegistryPing,
    RegistryUpdate,
    Repository,
    RobotCreate,
    RobotPermission,
    Schedule,
    ScheduleObj,
    Tag,
    UserCreationReq,
    UserProfile,
)

HOST, UPSTREAM, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
APP = "team/app"
MIB = 1 << 20
LOOP = asyncio.new_event_loop()


class Client:
    """The client that waits for each answer. Its own such client cannot make the calls that are made of others."""

    def __init__(self, name, secret):
        # By itself it tries again for a minute, and hides that it had to.
        self.asking = HarborAsyncClient(
            url=f"http://{HOST}/api/v2.0", username=name, secret=secret, retry=None
        )

    def __getattr__(self, name):
        call = getattr(self.asking, name)
        return lambda *arguments, **named: LOOP.run_until_complete(
            call(*arguments, **named)
        )


def number(location):
    return int(location.rstrip("/").rsplit("/", 1)[1])


def refused(kind, call, *arguments, **named):
    """The client's own exception for that status, with Harbor's errors in it."""
    try:
        call(*arguments, **named)
    except kind as error:
        assert error.errors and error.errors[0].message, f"nothing said: {error!r}"
        return
    raise AssertionError(f"{call} was not refused")


def until(what, call):
    """What is written beside the answer (audit, counts) is there soon after it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = call()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain until {what}")


def pull(reference, name, secret):
    folder = FOLDER / "pulled"
    command = ["skopeo", "copy", "--quiet", "--src-tls-verify=false"]
    command += ["--src-creds", f"{name}:{secret}", f"docker://{HOST}/{reference}"]
    told = subprocess.run([*command, f"dir:{folder}"], capture_output=True, text=True)
    return told.returncode == 0, told.stderr


def step(what):
    print("==", what, flush=True)


def system(admin):
    step("the server about itself")
    assert admin.ping() == "Pong"
    health = admin.health_check()
    assert health.status == "healthy" and health.components
    info = admin.get_system_info()
    assert info.auth_mode == "db_auth" and info.harbor_version
    assert admin.get_system_volume_info().storage[0].total > 0
    assert admin.get_current_user().username == "admin"
    assert admin.get_permissions().project
    assert admin.get_current_user_permissions("/project/1")
    admin.get_config()
    admin.update_config(Configurations(robot_token_duration=31))
    assert admin.get_config().robot_token_duration.value == 31


def endpoint(admin):
    step("an endpoint, tested before and after it is made")
    assert "docker-registry" in admin.get_registry_adapters()
    assert admin.get_registry_providers()
    url = f"http://{UPSTREAM}"
    admin.check_registry_status(RegistryPing(type="docker-registry", url=url))
    wrong = RegistryPing(type="docker-registry", url="http://127.0.0.1:1")
    refused(exceptions.BadRequest, admin.check_registry_status, wrong)
    made = Registry(name="upstream", type="docker-registry", url=url, insecure=False)
    id = number(admin.create_registry(made))
    refused(exceptions.Conflict, admin.create_registry, made)
    admin.check_registry_status(RegistryPing(id=id))
    until("it is healthy", lambda: admin.get_registry(id).status == "healthy")
    admin.update_registry(id, RegistryUpdate(description="near"))
    assert admin.get_registry(id).description == "near"
    assert [one.id for one in admin.get_registries(query="name=upstream")] == [id]
    assert admin.get_registry_info(id).type == "docker-registry"
    # One more, with a credential: it is never shown.
    other = Registry(
        name="other",
        type="harbor",
        url="http://127.0.0.1:1",
        credential=RegistryCredential(
            type="basic", access_key="me", access_secret="S3cret"
        ),
    )
    other = number(admin.create_registry(other))
    credential = admin.get_registry(other).credential
    assert credential.access_key == "me" and credential.access_secret != "S3cret"
    admin.delete_registry(other)
    refused(exceptions.NotFound, admin.get_registry, other)
    return id


def project(admin, registry):
    step("a proxy cache project on it")
    made = ProjectReq(
        project_name="cache",
        registry_id=registry,
        storage_limit=64 * MIB,
        metadata=ProjectMetadata(public="false"),
    )
    assert not admin.project_exists("cache")
    # It asks for the name in the location.
    assert admin.create_project(made).endswith("/projects/cache")
    id = admin.get_project("cache").project_id
    assert admin.project_exists("cache")
    refused(exceptions.Conflict, admin.create_project, made)
    shown = admin.get_project("cache")
    assert (shown.project_id, shown.registry_id) == (id, registry)
    assert shown.metadata.public == "false" and shown.cve_allowlist is not None
    assert admin.get_project(id).name == "cache"
    assert "cache" in [one.name for one in admin.get_projects(public=False)]
    change = ProjectReq(metadata=ProjectMetadata(auto_scan="true"))
    admin.update_project("cache", change)
    assert admin.get_project_metadata("cache").auto_scan == "true"
    admin.update_project_metadata_entry(
        "cache", "severity", ProjectMetadata(severity="high")
    )
    assert admin.get_project_metadata_entry("cache", "severity") == {"severity": "high"}
    admin.delete_project_metadata_entry("cache", "severity")
    assert admin.get_project_metadata_entry("cache", "severity") == {}
    admin.set_project_metadata("cache", ProjectMetadata(proxy_speed_kb="-1"))
    assert admin.get_project_metadata("cache").proxy_speed_kb == "-1"
    return id


def policies(admin, id):
    step("its quota and its retention policy")
    quota = admin.get_quotas(reference="project", reference_id=str(id))[0]
    assert quota.hard.root["storage"] == 64 * MIB, quota
    hard = QuotaUpdateReq(hard={"storage": 128 * MIB})
    admin.update_quota(quota.id, hard)
    assert admin.get_quota(quota.id).hard.root["storage"] == 128 * MIB
    retention = admin.get_project_retention_id("cache")
    policy = admin.get_retention_policy(retention)
    assert policy.scope.ref == id and policy.rules[0].template == "nDaysSinceLastPull"
    assert admin.get_retention_metadata().templates
    policy.rules[0].params = {"nDaysSinceLastPull": 14}
    admin.update_retention_policy(retention, policy)
    kept = admin.get_retention_policy(retention).rules[0].params
    assert kept["nDaysSinceLastPull"] == 14, kept
    admin.get_retention_executions(retention)


def people(admin, project):
    step("a user who is a member")
    made = UserCreationReq(
        username="anna",
        email="anna@example.com",
        realname="Anna",
        password="Berth-and-buoy-2",
    )
    id = number(admin.create_user(made))
    profile = UserProfile(email="anna@example.com", realname="Anna B", comment="c")
    admin.update_user(id, profile)
    assert admin.get_user(id).realname == "Anna B"
    assert admin.get_user_by_username("anna").user_id == id
    assert [one.username for one in admin.search_users_by_username("ann")] == ["anna"]
    # As in Harbor, the first administrator is not in it.
    assert [one.username for one in admin.get_users(sort="username")] == ["anna"]
    admin.set_user_admin(id, True)
    admin.set_user_admin(id, False)
    admin.set_user_password(id, "Berth-and-buoy-3")
    anna = Client("anna", "Berth-and-buoy-3")
    refused(exceptions.Forbidden, anna.get_project, "cache")
    member = number(admin.add_project_member_user("cache", "anna", 3))
    refused(exceptions.Conflict, admin.add_project_member_user, "cache", id, 3)
    shown = admin.get_project_member("cache", member)
    assert (shown.entity_name, shown.role_name) == ("anna", "guest")
    admin.update_project_member_role("cache", member, 5)
    names = [one.entity_name for one in admin.get_project_members("cache")]
    assert "anna" in names
    assert anna.get_project("cache").name == "cache"
    assert anna.get_current_user_permissions(f"/project/{project}", relative=True)
    refused(exceptions.Forbidden, anna.get_config)
    refused(exceptions.Forbidden, anna.delete_project, "cache")
    return id, member


def robots(admin):
    step("robots, of the project and of the system")

    def robot(name, level, namespace, kind, access):
        permission = RobotPermission(kind=kind, namespace=namespace, access=access)
        return RobotCreate(
            name=name, level=level, duration=30, disable=False, permissions=[permission]
        )

    access = [Access(resource="repository", action="pull")]
    made = admin.create_robot(robot("puller", "project", "cache", "project", access))
    assert made.name == "robot$cache+puller" and made.secret
    shown = admin.get_robot(made.id)
    assert not shown.secret and shown.permissions[0].namespace == "cache"
    wide = [Access(resource="registry", action="list")]
    wide = admin.create_robot(robot("reader", "system", "/", "system", wide))
    names = [one.name for one in admin.get_robots()]
    assert names == ["robot$reader"], names
    reader = Client(wide.name, wide.secret)
    assert reader.get_registries()
    refused(exceptions.Forbidden, reader.get_users)
    shown.description = "of the nodes"
    admin.update_robot(made.id, shown)
    assert admin.get_robot(made.id).description == "of the nodes"
    return made, wide


def cached(admin, robot, id):
    step("the robot pulls, and what it pulled is listed")
    pulled, told = pull(f"cache/{APP}:v1", robot.name, robot.secret)
    assert pulled, told
    assert not pull(f"cache/{APP}:v1", robot.name, "wrong")[0]
    new = admin.refresh_robot_secret(robot.id, "")
    assert new.secret and new.secret != robot.secret
    assert not pull(f"cache/{APP}:v1", robot.name, robot.secret)[0]
    for number in range(1, 12):
        pulled, told = pull(f"cache/{APP}:n{number}", robot.name, new.secret)
        assert pulled, told
    repository = admin.get_repositories("cache")[0]
    assert repository.name == f"cache/{APP}" and repository.artifact_count == 1
    assert admin.get_repositories()
    described = Repository(description="what it is for")
    admin.update_repository("cache", APP, described)
    assert admin.get_repository("cache", APP).description == "what it is for"
    (artifact,) = admin.get_artifacts(
        "cache", APP, with_label=True, with_accessory=True, with_scan_overview=True
    )
    assert len(artifact.tags) == 12 and artifact.size > MIB
    shown = admin.get_artifact("cache", APP, "v1", with_label=True)
    assert shown.digest == artifact.digest
    assert shown.extra_attrs.root["architecture"] == "amd64", shown.extra_attrs
    tags = admin.get_artifact_tags("cache", APP, "v1")
    assert len(tags) == 12, f"{len(tags)} by pages of ten"
    assert admin.get_project_artifacts(id, with_tag=True)[0].digest == artifact.digest
    assert admin.get_artifact_build_history("cache", APP, "v1")[0].created_by == "hand"
    assert admin.get_artifact_accessories("cache", APP, "v1") == []
    refused(
        exceptions.MethodNotAllowed,
        admin.create_artifact_tag,
        "cache",
        APP,
        "v1",
        Tag(name="mine"),
    )
    until(
        "the pulls are counted",
        lambda: admin.get_repository("cache", APP).pull_count >= 12,
    )
    summary = admin.get_project_summary("cache")
    assert summary.repo_count == 1 and summary.quota.used.root["storage"] > MIB
    assert summary.registry.name == "upstream"
    assert admin.search("app").repository[0].repository_name == f"cache/{APP}"
    statistics = admin.get_statistics()
    assert statistics.private_repo_count == 1, statistics


def labels(admin, id):
    step("labels, of the project and of everybody's")
    made = Label(name="nearby", color="#4D7DCA", scope="p", project_id=id)
    ours = number(admin.create_label(made))
    anyones = number(admin.create_label(Label(name="good", scope="g")))
    assert [one.name for one in admin.get_labels(scope="g")] == ["good"]
    shown = admin.get_labels(scope="p", project_id=id)
    assert [one.id for one in shown] == [ours]
    made.description = "of this project"
    admin.update_label(ours, made)
    assert admin.get_label(ours).description == "of this project"
    for label in ours, anyones:
        admin.add_artifact_label("cache", APP, "v1", Label(id=label))
    held = admin.get_artifact("cache", APP, "v1", with_label=True).labels
    assert sorted(one.id for one in held) == sorted([ours, anyones])
    admin.delete_artifact_label("cache", APP, "v1", anyones)
    return ours, anyones


def nothing_of(admin):
    step("what there is none of is read as that")
    assert admin.get_scanners() == []
    assert admin.get_replication_policies() == []
    assert admin.get_usergroups() == []
    assert admin.get_project_immutable_tag_rules("cache") == []
    assert admin.get_webhook_policies("cache") == []
    admin.get_webhook_supported_events("cache")
    admin.get_cve_allowlist()
    admin.get_gc_jobs()
    assert admin.get_scan_all_metrics().total == 0


def log(admin, robot):
    step("the log has the pulls and the changes, and its purge is planned")

    def of_the_robot():
        rows = admin.get_project_logs("cache", query="operation=pull", limit=100)
        return len([row for row in rows if row.username == robot.name]) >= 12

    until("the pulls are in the log", of_the_robot)
    rows = admin.get_audit_logs(query="operation=create", page_size=100)
    kinds = {row.resource_type for row in rows}
    assert {"project", "robot", "user", "member"} <= kinds, kinds
    assert len(admin.get_audit_logs(query="username=admin", page_size=5, limit=12)) == 12
    admin.get_purge_job_schedule()
    plan = Schedule(
        parameters={
            "audit_retention_hour": 24,
            "dry_run": True,
            "include_event_types": "create_artifact,pull_artifact",
        },
        schedule=ScheduleObj(type="Daily", cron="0 0 0 * * *"),
    )
    admin.create_purge_job_schedule(plan)
    assert admin.get_purge_job_schedule().schedule.type.value == "Daily"
    plan.schedule = ScheduleObj(type="None", cron="")
    admin.update_purge_job_schedule(plan)
    plan.schedule = ScheduleObj(type="Manual")
    admin.create_purge_job_schedule(plan)
    until("the purge has run", lambda: purged(admin))


def purged(admin):
    runs = admin.get_purge_job_history()
    if not runs or runs[0].job_status != "Success":
        return False
    return admin.get_purge_job(runs[0].id).id == runs[0].id and admin.get_purge_job_log(
        runs[0].id
    )


def the_end(admin, registry, user, member, robots, labels):
    step("everything is deleted, in order")
    refused(exceptions.PreconditionFailed, admin.delete_registry, registry)
    assert not admin.get_project_deletable("cache").deletable
    refused(exceptions.PreconditionFailed, admin.delete_project, "cache")
    admin.delete_artifact("cache", APP, "v1")
    refused(exceptions.NotFound, admin.get_artifact, "cache", APP, "v1")
    admin.delete_repository("cache", APP)
    admin.remove_project_member("cache", member)
    for robot in robots:
        admin.delete_robot(robot.id)
    for label in labels:
        admin.delete_label(label)
    assert admin.get_project_deletable("cache").deletable
    admin.delete_project("cache")
    admin.delete_registry(registry)
    admin.delete_user(user)
    for gone, what in (
        (admin.get_project, "cache"),
        (admin.get_registry, registry),
        (admin.get_user, user),
        (admin.get_robot, robots[0].id),
        (admin.get_label, labels[0]),
    ):
        refused((exceptions.NotFound, exceptions.Forbidden), gone, what)
    assert [one.name for one in admin.get_projects()] == ["library"]


def main():
    admin = Client("admin", os.environ["ROADSTEAD_ADMIN_PASSWORD"])
    system(admin)
    registry = endpoint(admin)
    id = project(admin, registry)
    policies(admin, id)
    user, member = people(admin, id)
    puller, reader = robots(admin)
    cached(admin, puller, id)
    made = labels(admin, id)
    nothing_of(admin)
    log(admin, puller)
    the_end(admin, registry, user, member, [puller, reader], made)
    asked = list(admin.asking.response_log)
    codes = sorted({one.status_code for one in asked})
    told = f"{len(asked)} requests of the administrator's, answered with {codes}"
    assert all(code < 500 for code in codes), told
    (FOLDER / "life.txt").write_text(told + "\n")


main()
