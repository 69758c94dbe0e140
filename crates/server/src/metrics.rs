//! What can be watched, on a port of its own: OpenMetrics text, as Prometheus reads it. The figures are others'; in the
//! files below they get their names: Harbor's where Harbor has one, ours for the rest.

mod harbor;
mod ours;
mod upstreams;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{StatusCode, Uri};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{EncodeGaugeValue, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::registry::Registry;

use crate::error::{Error, harbor as codes};
use crate::{App, State};

use harbor::Harbor;
use metadata::ProjectFigures;
use ours::Ours;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Counting all that projects have reads all of it: done no more often than this, as Harbor does.
const PROJECTS_KNOWN: Duration = Duration::from_secs(20);

type Encoded = Result<(), std::fmt::Error>;

/// Serves the figures at `path`, and nothing else.
pub fn metrics(state: State, path: &str) -> App {
    let scraped = Scraped {
        state,
        path: path.into(),
        projects: Arc::default(),
    };
    // Compared by hand: a configured path may hold what a route takes for a pattern.
    App(Router::new().fallback(get(scrape)).with_state(scraped))
}

#[derive(Clone)]
struct Scraped {
    state: State,
    path: Arc<str>,
    projects: Arc<tokio::sync::Mutex<Option<Counted>>>,
}

/// What the projects came to, and when.
type Counted = (Instant, Vec<ProjectFigures>);

impl Scraped {
    async fn projects(&self) -> Result<Vec<ProjectFigures>, Error> {
        let mut known = self.projects.lock().await;
        if let Some((counted_at, figures)) = &*known
            && counted_at.elapsed() < PROJECTS_KNOWN
        {
            return Ok(figures.clone());
        }
        let figures = self.state.db().project_figures().await;
        let figures = figures.map_err(Error::of_metadata)?;
        *known = Some((Instant::now(), figures.clone()));
        Ok(figures)
    }
}

async fn scrape(Extract(scraped): Extract<Scraped>, uri: Uri) -> Result<Response, Error> {
    if uri.path() != &*scraped.path {
        let message = format!("metrics are at {}", scraped.path);
        return Err(Error::new(StatusCode::NOT_FOUND, codes::NOT_FOUND, message));
    }
    let (state, registry) = (&scraped.state, scraped.state.registry());
    let upstreams = registry.upstream_figures().await;
    let (pulls, proxies) = registry
        .pull_figures()
        .await
        .map_err(Error::of_management)?;
    let ours = Ours {
        upstreams: upstreams::Upstreams(upstreams.map_err(Error::of_management)?),
        fills_in_flight: registry.fills_in_flight(),
        pulls,
        audit_dropped: registry.audit_dropped(),
        write_transactions: state.db().write_transactions(),
    };
    let harbor = Harbor {
        version: state.config().version,
        components: registry.health().await.into(),
        in_flight: state.requests().in_flight(),
        operations: state.requests().figures(),
        proxies,
        projects: scraped.projects().await?,
    };
    let text = text(ours, harbor).map_err(|error| Error::internal(&error))?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

fn text(
    ours: impl Collector + 'static,
    harbor: impl Collector + 'static,
) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let mut all = Registry::with_prefix("roadstead");
    all.register_collector(Box::new(ours));
    encode_registry(&mut text, &all)?;
    let mut all = Registry::with_prefix("harbor");
    all.register_collector(Box::new(harbor));
    encode_registry(&mut text, &all)?;
    encode_eof(&mut text)?;
    Ok(text)
}

fn put_gauge(
    gauge: &mut MetricEncoder<'_>,
    labels: &impl EncodeLabelSet,
    value: &impl EncodeGaugeValue,
) -> Encoded {
    gauge.encode_family(labels)?.encode_gauge(value)
}

fn put_count(counter: &mut MetricEncoder<'_>, labels: &impl EncodeLabelSet, value: u64) -> Encoded {
    counter
        .encode_family(labels)?
        .encode_counter::<NoLabelSet, _, u64>(&value, None)
}

/// Gauges of the format are signed.
fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use registry::{
        BudgetFigures, Component, Latency, ProxyFigures, PullFigures, RequestFigures,
        UpstreamFigures,
    };

    use crate::requests::OperationFigures;

    use super::*;

    #[test]
    fn all_figures_have_their_names_and_labels() {
        let hub = UpstreamFigures {
            upstream: "hub \"1\"".to_owned(),
            requests: vec![RequestFigures {
                kind: "manifest",
                result: "ok",
                count: 3,
            }],
            received_bytes: 1024,
            latency: Latency {
                buckets: vec![(0.1, 2), (f64::INFINITY, 1)],
                sum_seconds: 1.5,
                count: 3,
            },
            is_open: true,
            connections_in_use: 4,
            connections_waiting: 2,
            budgets: vec![BudgetFigures {
                account: "me".to_owned(),
                limit: Some(100),
                remaining: Some(76),
                held_seconds: 0.5,
            }],
        };
        let ours = Ours {
            upstreams: upstreams::Upstreams(vec![hub]),
            fills_in_flight: 7,
            pulls: vec![PullFigures {
                project: "hub".to_owned(),
                upstream: Some("hub \"1\"".to_owned()),
                kind: "manifest",
                result: "hit",
                count: 5,
                bytes: 6,
            }],
            audit_dropped: (8, 9),
            write_transactions: 10,
        };
        let figures = ProjectFigures {
            project: "hub".to_owned(),
            is_public: true,
            repositories: 2,
            pulls: 11,
            members: 1,
            artifacts: vec![("IMAGE".to_owned(), 4)],
        };
        let mut buckets = [0; crate::requests::BOUNDS.len() + 1];
        buckets[0] = 2;
        let harbor = Harbor {
            version: "1.2.3",
            components: vec![Component {
                name: "database",
                trouble: Some("the database does not answer"),
            }],
            in_flight: 1,
            operations: vec![OperationFigures {
                operation: "v2_manifest".to_owned(),
                method: "GET",
                codes: vec![(200, 2)],
                buckets,
                sum_seconds: 0.001,
            }],
            proxies: vec![ProxyFigures {
                project: "hub".to_owned(),
                method: "GET",
                requests: 5,
                upstream_requests: 1,
            }],
            projects: vec![figures],
        };
        let text = text(ours, harbor).unwrap();
        for line in [
            "roadstead_fills_in_flight 7",
            r#"roadstead_upstream_requests_total{upstream="hub \"1\"",kind="manifest",result="ok"} 3"#,
            r#"roadstead_upstream_received_bytes_total{upstream="hub \"1\""} 1024"#,
            r#"roadstead_upstream_latency_seconds_bucket{le="0.1",upstream="hub \"1\""} 2"#,
            r#"roadstead_upstream_latency_seconds_bucket{le="+Inf",upstream="hub \"1\""} 3"#,
            r#"roadstead_upstream_latency_seconds_sum{upstream="hub \"1\""} 1.5"#,
            r#"roadstead_upstream_breaker_open{upstream="hub \"1\""} 1"#,
            r#"roadstead_upstream_connections_in_use{upstream="hub \"1\""} 4"#,
            r#"roadstead_upstream_connections_waiting{upstream="hub \"1\""} 2"#,
            r#"roadstead_upstream_rate_limit{upstream="hub \"1\"",account="me"} 100"#,
            r#"roadstead_upstream_rate_limit_remaining{upstream="hub \"1\"",account="me"} 76"#,
            r#"roadstead_upstream_rate_limit_held_seconds{upstream="hub \"1\"",account="me"} 0.5"#,
            r#"roadstead_pulls_total{project="hub",upstream="hub \"1\"",kind="manifest",result="hit"} 5"#,
            r#"roadstead_pulled_bytes_total{project="hub",upstream="hub \"1\"",kind="manifest",result="hit"} 6"#,
            r#"roadstead_audit_dropped_total{destination="database"} 8"#,
            r#"roadstead_audit_dropped_total{destination="forward"} 9"#,
            "roadstead_database_write_transactions_total 10",
            r#"harbor_system_info{auth_mode="db_auth",harbor_version="1.2.3",self_registration="false"} 1"#,
            "harbor_health 0",
            r#"harbor_up{component="database"} 0"#,
            "harbor_core_http_inflight_requests 1",
            r#"harbor_core_http_request_total{method="GET",code="200",operation="v2_manifest"} 2"#,
            r#"harbor_core_http_request_duration_seconds_count{method="GET",operation="v2_manifest"} 2"#,
            r#"harbor_core_http_registry_proxy_requests_total{project="hub",method="GET"} 5"#,
            r#"harbor_core_http_registry_proxy_upstream_requests_total{project="hub",method="GET"} 1"#,
            r#"harbor_project_total{public="true"} 1"#,
            r#"harbor_project_repo_total{project_name="hub",public="true"} 2"#,
            r#"harbor_project_member_total{project_name="hub"} 1"#,
            r#"harbor_artifact_pulled{project_name="hub"} 11"#,
            r#"harbor_project_artifact_total{project_name="hub",public="true",artifact_type="IMAGE"} 4"#,
            "harbor_statistics_private_repo_amount 0",
            "harbor_statistics_total_project_amount 1",
            "# EOF",
        ] {
            let times = text.lines().filter(|told| *told == line).count();
            assert_eq!(times, 1, "{line} in\n{text}");
        }
    }
}
