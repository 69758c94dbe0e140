//! `/health`: what this server stands on, and whether it is there. Always 200, as in Harbor: who asks reads it.

use axum::Json;
use axum::extract::State as Extract;
use registry::Component;
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;

#[derive(Serialize, ToSchema)]
#[schema(as = OverallHealthStatus)]
pub(super) struct HealthBody {
    status: &'static str,
    components: Vec<ComponentBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ComponentHealthStatus)]
struct ComponentBody {
    name: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// What the server stands on, and whether it is well.
///
/// Always 200: who asks reads `status`.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "getHealth",
    tag = "health",
    responses((status = 200, body = HealthBody)),
)]
pub(super) async fn get(Extract(state): Extract<State>) -> Json<HealthBody> {
    // What answers this is well.
    let core = Component {
        name: "core",
        trouble: None,
    };
    let components: Vec<Component> = [core]
        .into_iter()
        .chain(state.registry().health().await)
        .collect();
    Json(body(&components))
}

fn body(components: &[Component]) -> HealthBody {
    let word = |is_well: bool| if is_well { "healthy" } else { "unhealthy" };
    let mut parts: Vec<ComponentBody> = components
        .iter()
        .map(|part| ComponentBody {
            name: part.name,
            status: word(part.trouble.is_none()),
            error: part.trouble,
        })
        .collect();
    parts.sort_by_key(|part| part.name);
    HealthBody {
        status: word(components.iter().all(|part| part.trouble.is_none())),
        components: parts,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_part_in_trouble_makes_the_whole_unhealthy() {
        let parts = [
            Component {
                name: "registry",
                trouble: None,
            },
            Component {
                name: "database",
                trouble: Some("gone"),
            },
        ];
        let expected = json!({
            "status": "unhealthy",
            "components": [
                { "name": "database", "status": "unhealthy", "error": "gone" },
                { "name": "registry", "status": "healthy" },
            ],
        });
        assert_eq!(serde_json::to_value(body(&parts)).unwrap(), expected);
        assert_eq!(body(&parts[..1]).status, "healthy");
    }
}
