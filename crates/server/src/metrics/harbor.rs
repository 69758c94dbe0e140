//! What Harbor's dashboards ask for, under Harbor's names. Durations are a histogram where Harbor has a summary: it has
//! the same `_sum` and `_count`, and quantiles are the dashboard's to compute.

use metadata::ProjectFigures;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use registry::{Component, ProxyFigures};

use super::{Encoded, count, put_count, put_gauge};
use crate::requests::{BOUNDS, OperationFigures};

/// All of it at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Harbor {
    pub(super) version: &'static str,
    pub(super) components: Vec<Component>,
    pub(super) in_flight: i64,
    pub(super) operations: Vec<OperationFigures>,
    pub(super) proxies: Vec<ProxyFigures>,
    pub(super) projects: Vec<ProjectFigures>,
}

impl Collector for Harbor {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Encoded {
        self.health(&mut encoder)?;
        self.requests(&mut encoder)?;
        self.proxies(&mut encoder)?;
        self.projects(&mut encoder)?;
        self.statistics(&mut encoder)
    }
}

impl Harbor {
    fn health(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut info = encoder.encode_descriptor(
            "system_info",
            "What the server says of itself",
            None,
            MetricType::Gauge,
        )?;
        let labels = [
            ("auth_mode", "db_auth"),
            ("harbor_version", self.version),
            ("self_registration", "false"),
        ];
        put_gauge(&mut info, &labels, &1_i64)?;
        let is_well = |component: &Component| component.trouble.is_none();
        let mut health =
            encoder.encode_descriptor("health", "Whether all is well", None, MetricType::Gauge)?;
        health.encode_gauge(&i64::from(self.components.iter().all(is_well)))?;
        let mut up = encoder.encode_descriptor(
            "up",
            "Whether a component is well",
            None,
            MetricType::Gauge,
        )?;
        put_gauge(&mut up, &[("component", "core")], &1_i64)?;
        for component in &self.components {
            let labels = [("component", component.name)];
            put_gauge(&mut up, &labels, &i64::from(is_well(component)))?;
        }
        Ok(())
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut in_flight = encoder.encode_descriptor(
            "core_http_inflight_requests",
            "Requests whose answer has not begun",
            None,
            MetricType::Gauge,
        )?;
        in_flight.encode_gauge(&self.in_flight)?;
        let mut requests = encoder.encode_descriptor(
            "core_http_request",
            "Requests, by operation and status",
            None,
            MetricType::Counter,
        )?;
        for figures in &self.operations {
            for (code, count) in &figures.codes {
                let code = code.to_string();
                let labels = [
                    ("method", figures.method),
                    ("code", code.as_str()),
                    ("operation", figures.operation.as_str()),
                ];
                put_count(&mut requests, &labels, *count)?;
            }
        }
        let mut durations = encoder.encode_descriptor(
            "core_http_request_duration",
            "Time until an answer began",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for figures in &self.operations {
            let labels = [
                ("method", figures.method),
                ("operation", figures.operation.as_str()),
            ];
            let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(figures.buckets).collect();
            durations
                .encode_family(&labels)?
                .encode_histogram::<NoLabelSet>(
                    figures.sum_seconds,
                    figures.buckets.iter().sum(),
                    &buckets,
                    None,
                )?;
        }
        Ok(())
    }

    fn proxies(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut put = |name, help, value: fn(&ProxyFigures) -> u64| {
            let mut counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for figures in &self.proxies {
                let labels = [
                    ("project", figures.project.as_str()),
                    ("method", figures.method),
                ];
                put_count(&mut counter, &labels, value(figures))?;
            }
            Ok(())
        };
        put(
            "core_http_registry_proxy_requests",
            "Requests for manifests and blobs of proxy cache projects",
            |figures| figures.requests,
        )?;
        put(
            "core_http_registry_proxy_upstream_requests",
            "Those of them that were fetched from the upstream",
            |figures| figures.upstream_requests,
        )
    }

    fn projects(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut total =
            encoder.encode_descriptor("project_total", "Projects", None, MetricType::Gauge)?;
        for is_public in [true, false] {
            let count = self.projects.iter().filter(|of| of.is_public == is_public);
            let labels = [("public", truth(is_public))];
            put_gauge(&mut total, &labels, &self::count(count.count() as u64))?;
        }
        let mut repositories = encoder.encode_descriptor(
            "project_repo_total",
            "Repositories of a project",
            None,
            MetricType::Gauge,
        )?;
        for figures in &self.projects {
            let labels = [
                ("project_name", figures.project.as_str()),
                ("public", truth(figures.is_public)),
            ];
            put_gauge(&mut repositories, &labels, &count(figures.repositories))?;
        }
        let mut members = encoder.encode_descriptor(
            "project_member_total",
            "Members of a project",
            None,
            MetricType::Gauge,
        )?;
        self.put_by_project(&mut members, |figures| figures.members)?;
        let mut pulled = encoder.encode_descriptor(
            "artifact_pulled",
            "Pulls from a project",
            None,
            MetricType::Gauge,
        )?;
        self.put_by_project(&mut pulled, |figures| figures.pulls)?;
        let mut artifacts = encoder.encode_descriptor(
            "project_artifact_total",
            "Artifacts of a project, by type",
            None,
            MetricType::Gauge,
        )?;
        for figures in &self.projects {
            for (kind, artifacts_of_kind) in &figures.artifacts {
                let labels = [
                    ("project_name", figures.project.as_str()),
                    ("public", truth(figures.is_public)),
                    ("artifact_type", kind.as_str()),
                ];
                put_gauge(&mut artifacts, &labels, &count(*artifacts_of_kind))?;
            }
        }
        Ok(())
    }

    fn put_by_project(
        &self,
        gauge: &mut MetricEncoder<'_>,
        value: fn(&ProjectFigures) -> u64,
    ) -> Encoded {
        for figures in &self.projects {
            let labels = [("project_name", figures.project.as_str())];
            put_gauge(gauge, &labels, &count(value(figures)))?;
        }
        Ok(())
    }

    fn statistics(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut put = |what: &str, value: fn(&ProjectFigures) -> u64| {
            for (whose, wanted) in [
                ("total", None),
                ("public", Some(true)),
                ("private", Some(false)),
            ] {
                let of = self.projects.iter();
                let of = of.filter(|of| wanted.is_none_or(|wanted| of.is_public == wanted));
                let name = format!("statistics_{whose}_{what}_amount");
                let mut gauge = encoder.encode_descriptor(
                    &name,
                    "How many there are",
                    None,
                    MetricType::Gauge,
                )?;
                gauge.encode_gauge(&count(of.map(value).sum()))?;
            }
            Ok(())
        };
        put("project", |_| 1)?;
        put("repo", |figures| figures.repositories)
    }
}

fn truth(is_true: bool) -> &'static str {
    if is_true { "true" } else { "false" }
}
