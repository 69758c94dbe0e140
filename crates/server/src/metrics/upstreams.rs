//! The figures of upstreams.

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use registry::UpstreamFigures;

use super::{Encoded, count, put_gauge};

/// Of all upstreams, at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Upstreams(pub(super) Vec<UpstreamFigures>);

impl Upstreams {
    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        self.requests(encoder)?;
        self.latency(encoder)?;
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
            for figures in &self.0 {
                put_gauge(&mut gauge, &of(figures), &count(value(figures)))?;
            }
        }
        self.budgets(encoder)
    }
}

type Gauge = (&'static str, &'static str, fn(&UpstreamFigures) -> u64);

impl Upstreams {
    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut requests = encoder.encode_descriptor(
            "upstream_requests",
            "Requests sent to the upstream, by what for and how they ended",
            None,
            MetricType::Counter,
        )?;
        for figures in &self.0 {
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
        for figures in &self.0 {
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
        for figures in &self.0 {
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
            self.0.iter().flat_map(|figures| {
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
