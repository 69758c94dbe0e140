//! What can be watched, on a port of its own: OpenMetrics text, as Prometheus reads it. The figures are others'; here
//! they get their names. A new one is a struct's field there and a block in [`Snapshot::encode`] here.

use axum::Router;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{StatusCode, Uri};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use registry::{Registry, UpstreamFigures};

use crate::App;
use crate::error::{Error, harbor};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Encoded = Result<(), std::fmt::Error>;

/// Serves `registry`'s figures at `path`, and nothing else.
pub fn metrics(registry: Registry, path: &str) -> App {
    let scraped = Scraped {
        registry,
        path: path.into(),
    };
    // Compared by hand: a configured path may hold what a route takes for a pattern.
    App(Router::new().fallback(get(scrape)).with_state(scraped))
}

#[derive(Clone)]
struct Scraped {
    registry: Registry,
    path: std::sync::Arc<str>,
}

async fn scrape(Extract(scraped): Extract<Scraped>, uri: Uri) -> Result<Response, Error> {
    if uri.path() != &*scraped.path {
        let message = format!("metrics are at {}", scraped.path);
        return Err(Error::new(
            StatusCode::NOT_FOUND,
            harbor::NOT_FOUND,
            message,
        ));
    }
    let upstreams = scraped.registry.upstream_figures().await;
    let snapshot = Snapshot {
        upstreams: upstreams.map_err(Error::of_management)?,
        fills_in_flight: scraped.registry.fills_in_flight(),
    };
    let text = snapshot.text().map_err(|error| Error::internal(&error))?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

/// All figures at one moment.
#[derive(Clone, Debug, Default)]
struct Snapshot {
    upstreams: Vec<UpstreamFigures>,
    fills_in_flight: usize,
}

impl Snapshot {
    fn text(self) -> Result<String, std::fmt::Error> {
        let mut all = prometheus_client::registry::Registry::with_prefix("roadstead");
        all.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &all)?;
        Ok(text)
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Encoded {
        let mut fills = encoder.encode_descriptor(
            "fills_in_flight",
            "Blobs on their way from an upstream into storage",
            None,
            MetricType::Gauge,
        )?;
        fills.encode_gauge(&count(self.fills_in_flight as u64))?;
        self.requests(&mut encoder)?;
        self.latency(&mut encoder)?;
        let gauges: [Gauge; 3] = [
            (
                "upstream_breaker_open",
                "Whether the upstream's circuit breaker is open: only probes are sent",
                |figures| u64::from(figures.is_open),
            ),
            (
                "upstream_connections_in_use",
                "Connections to the upstream in use",
                |figures| figures.connections_in_use,
            ),
            (
                "upstream_connections_waiting",
                "Requests that wait for a connection to the upstream",
                |figures| figures.connections_waiting,
            ),
        ];
        for (name, help, value) in gauges {
            let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for figures in &self.upstreams {
                put_gauge(&mut gauge, &of(figures), &count(value(figures)))?;
            }
        }
        self.budgets(&mut encoder)
    }
}

type Gauge = (&'static str, &'static str, fn(&UpstreamFigures) -> u64);

impl Snapshot {
    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut requests = encoder.encode_descriptor(
            "upstream_requests",
            "Requests sent to the upstream, by what for and how they ended",
            None,
            MetricType::Counter,
        )?;
        for figures in &self.upstreams {
            for asked in &figures.requests {
                let labels = [
                    ("upstream", figures.upstream.as_str()),
                    ("kind", asked.kind),
                    ("result", asked.result),
                ];
                requests
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, u64>(&asked.count, None)?;
            }
        }
        let mut received = encoder.encode_descriptor(
            "upstream_received",
            "Bytes of bodies received from the upstream",
            Some(&Unit::Bytes),
            MetricType::Counter,
        )?;
        for figures in &self.upstreams {
            received
                .encode_family(&of(figures))?
                .encode_counter::<NoLabelSet, _, u64>(&figures.received_bytes, None)?;
        }
        Ok(())
    }

    fn latency(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut latency = encoder.encode_descriptor(
            "upstream_latency",
            "Time the upstream took to answer, up to the headers",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for figures in &self.upstreams {
            let told = &figures.latency;
            if told.buckets.is_empty() {
                continue;
            }
            latency
                .encode_family(&of(figures))?
                .encode_histogram::<NoLabelSet>(
                    told.sum_seconds,
                    told.count,
                    &told.buckets,
                    None,
                )?;
        }
        Ok(())
    }

    fn budgets(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let all = || {
            self.upstreams.iter().flat_map(|figures| {
                figures.budgets.iter().map(|budget| {
                    let labels = [
                        ("upstream", figures.upstream.as_str()),
                        ("account", budget.account.as_str()),
                    ];
                    (labels, budget)
                })
            })
        };
        let mut limit = encoder.encode_descriptor(
            "upstream_rate_limit",
            "Requests the upstream allows in a window",
            None,
            MetricType::Gauge,
        )?;
        for (labels, told) in all().filter_map(|(labels, budget)| Some((labels, budget.limit?))) {
            put_gauge(&mut limit, &labels, &count(told))?;
        }
        let mut remaining = encoder.encode_descriptor(
            "upstream_rate_limit_remaining",
            "Requests left in the upstream's window",
            None,
            MetricType::Gauge,
        )?;
        for (labels, told) in all().filter_map(|(labels, budget)| Some((labels, budget.remaining?)))
        {
            put_gauge(&mut remaining, &labels, &count(told))?;
        }
        let mut held = encoder.encode_descriptor(
            "upstream_rate_limit_held",
            "Time until the upstream may be asked again",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        for (labels, budget) in all() {
            put_gauge(&mut held, &labels, &budget.held_seconds)?;
        }
        Ok(())
    }
}

fn of(figures: &UpstreamFigures) -> [(&str, &str); 1] {
    [("upstream", figures.upstream.as_str())]
}

fn put_gauge(
    gauge: &mut MetricEncoder<'_>,
    labels: &impl EncodeLabelSet,
    value: &impl EncodeGaugeValue,
) -> Encoded {
    gauge.encode_family(labels)?.encode_gauge(value)
}

/// Gauges of the format are signed.
fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use registry::{BudgetFigures, Latency, RequestFigures};

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
        let snapshot = Snapshot {
            upstreams: vec![hub],
            fills_in_flight: 7,
        };
        let text = snapshot.text().unwrap();
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
            "# EOF",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in\n{text}");
        }
    }
}
