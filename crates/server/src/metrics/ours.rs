//! What has no name in Harbor: how the cache answers, what it asks upstreams, what it writes.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use registry::PullFigures;

use super::upstreams::Upstreams;
use super::{Encoded, count, put_count};

/// All of it at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Ours {
    pub(super) upstreams: Upstreams,
    pub(super) fills_in_flight: usize,
    pub(super) pulls: Vec<PullFigures>,
    /// By the database, and by the forwarding.
    pub(super) audit_dropped: (u64, u64),
    pub(super) write_transactions: u64,
}

impl Collector for Ours {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Encoded {
        let mut fills = encoder.encode_descriptor(
            "fills_in_flight",
            "Blobs on their way from an upstream into storage",
            None,
            MetricType::Gauge,
        )?;
        fills.encode_gauge(&count(self.fills_in_flight as u64))?;
        self.pulls(&mut encoder)?;
        let mut dropped = encoder.encode_descriptor(
            "audit_dropped",
            "Entries of the audit log that came faster than they could be kept",
            None,
            MetricType::Counter,
        )?;
        let (database, forward) = self.audit_dropped;
        put_count(&mut dropped, &[("destination", "database")], database)?;
        put_count(&mut dropped, &[("destination", "forward")], forward)?;
        let mut writes = encoder.encode_descriptor(
            "database_write_transactions",
            "Transactions committed that may have written",
            None,
            MetricType::Counter,
        )?;
        writes.encode_counter::<NoLabelSet, _, u64>(&self.write_transactions, None)?;
        self.upstreams.encode(&mut encoder)
    }
}

impl Ours {
    fn pulls(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut pulls = encoder.encode_descriptor(
            "pulls",
            "Requests for manifests and blobs, by how they were answered",
            None,
            MetricType::Counter,
        )?;
        for figures in &self.pulls {
            put_count(&mut pulls, &labels(figures), figures.count)?;
        }
        let mut bytes = encoder.encode_descriptor(
            "pulled",
            "Bytes of manifests and blobs sent, by how the request was answered",
            Some(&Unit::Bytes),
            MetricType::Counter,
        )?;
        for figures in &self.pulls {
            put_count(&mut bytes, &labels(figures), figures.bytes)?;
        }
        Ok(())
    }
}

/// Projects and upstreams that exist, and words of ours: there is a bound to how many there are.
fn labels(figures: &PullFigures) -> [(&'static str, &str); 4] {
    [
        ("project", figures.project.as_str()),
        ("upstream", figures.upstream.as_deref().unwrap_or_default()),
        ("kind", figures.kind),
        ("result", figures.result),
    ]
}
