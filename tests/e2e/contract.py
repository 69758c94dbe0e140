"""What the contract's case adds to schemathesis: requests that find something, and what every answer must be.

Loaded by schemathesis itself (SCHEMATHESIS_HOOKS), not run.
"""

import json

import schemathesis

# What the case has made. Every other value is left as generated, so that bad input is asked with too.
KNOWN = {
    "project": ["cache", "hosted", "1"],
    "project_name": ["cache", "hosted"],
    "project_name_or_id": ["cache", "hosted", "1"],
    "repository": ["app", "team%252Fapp"],
    "repository_name": ["app", "team%252Fapp"],
    "reference": ["v1", "latest"],
    "id": [1, 2],
    "mid": [1],
    "tag_name": ["v1"],
    "meta_name": ["public", "auto_scan"],
}
# These would end the case's own rights, or what it reads.
ENDING = ("read_only", "password", "sysadmin_flag")


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Harbor's description says `object` of values that are text and numbers in Harbor's own answers, too."""
    for definition in raw_schema.get("definitions", {}).values():
        for schema in (definition, *definition.get("properties", {}).values()):
            if schema.get("additionalProperties") == {"type": "object"}:
                schema["additionalProperties"] = {}


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    for name, values in KNOWN.items():
        if path_parameters and name in path_parameters:
            # The generated value decides, so that a failure comes back with its seed.
            chance = sum(str(path_parameters[name]).encode())
            if chance % 3:
                path_parameters[name] = values[chance % len(values)]
    return path_parameters


@schemathesis.hook
def filter_case(context, case):
    if case.method in ("GET", "HEAD"):
        return True
    body = case.body if isinstance(case.body, dict) else {}
    return not any(key in body for key in ENDING)


@schemathesis.check
def no_fault_of_the_servers(context, response, case):
    if response.status_code < 500:
        return
    code = error_of(response).get("code")
    assert response.status_code == 501 and code == "NOT_IMPLEMENTED", (
        f"{response.status_code}: {response.text[:300]}"
    )


@schemathesis.check
def errors_in_harbors_form(context, response, case):
    if response.status_code < 400 or case.method == "HEAD":
        return
    error = error_of(response)
    assert error.get("code") and isinstance(error.get("message"), str), (
        f"no error in Harbor's form: {response.text[:300]}"
    )


def error_of(response):
    try:
        return json.loads(response.text)["errors"][0]
    except (ValueError, KeyError, IndexError, TypeError):
        return {}
