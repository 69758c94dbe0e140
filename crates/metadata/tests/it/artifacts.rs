//! Manifests, tags, children, accessories.

use chrono::DateTime;
use metadata::{Artifact, BlobRight, Db, NONE_KEPT, Page};
use oci::{Digest, media_type};

use crate::harness::{artifact, at, blob, image, index, manifest, name, project, record, tag};

pub(crate) async fn a_manifest_its_repository_and_its_tag_become_facts_together(db: Db) {
    let hub = project(&db, "hub").await;
    let alpine = name("hub/library/alpine");
    let image = image("3.20");
    assert_eq!(db.find_tag(&alpine, &tag("3.20")).await.unwrap(), None);
    assert_eq!(
        db.find_manifest(&alpine, image.digest()).await.unwrap(),
        None
    );
    assert_eq!(
        db.blob_right(&alpine, &blob("3.20")).await.unwrap(),
        BlobRight::None
    );

    let recorded = record(&db, &hub, "hub/library/alpine", &image, Some("3.20"), 5).await;
    assert!(recorded.is_new);
    assert_eq!(recorded.moved_from, None);

    let entry = db.find_tag(&alpine, &tag("3.20")).await.unwrap().unwrap();
    assert_eq!(
        (entry.artifact_id, &entry.digest, entry.checked_at),
        (recorded.artifact_id, image.digest(), at(5))
    );
    let row = db
        .find_manifest(&alpine, image.digest())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (row.media_type.as_str(), row.size),
        (media_type::OCI_MANIFEST, image.bytes().len() as u64)
    );
    assert_eq!(
        db.blob_right(&alpine, &blob("3.20")).await.unwrap(),
        BlobRight::Named { size: 1000 }
    );
    let repository = db.find_repository(&alpine).await.unwrap().unwrap();
    assert_eq!(
        (
            repository.project_id,
            repository.artifact_count,
            repository.created_at
        ),
        (hub.id, 1, at(5))
    );

    let found = db
        .find_artifact(&alpine, image.digest())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.size, found.manifest_size + 1010);
    assert_eq!(
        (found.repository.as_str(), found.project_id, found.is_index),
        ("hub/library/alpine", hub.id, false)
    );
    assert_eq!(
        found.config_media_type.as_deref(),
        Some(media_type::OCI_CONFIG)
    );
    assert_eq!(
        found
            .tags
            .iter()
            .map(|tag| tag.name.as_str())
            .collect::<Vec<_>>(),
        ["3.20"]
    );
    assert_eq!(
        (found.pushed_at, found.pulled_at, found.config),
        (at(5), None, None)
    );

    db.set_artifact_config(found.id, serde_json::json!({"architecture": "amd64"}))
        .await
        .unwrap();
    let found = db
        .find_artifact(&alpine, image.digest())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.config.unwrap()["architecture"], "amd64");
}

pub(crate) async fn a_moved_tag_says_where_it_was(db: Db) {
    let hub = project(&db, "hub").await;
    let (old, new) = (image("old"), image("new"));
    record(&db, &hub, "hub/app", &old, Some("latest"), 1).await;
    assert!(
        db.find_tag(&name("hub/app"), &tag("latest"))
            .await
            .unwrap()
            .is_some()
    );
    let moved = record(&db, &hub, "hub/app", &new, Some("latest"), 2).await;
    assert_eq!(
        (moved.is_new, moved.moved_from.as_ref()),
        (true, Some(old.digest()))
    );
    let entry = db
        .find_tag(&name("hub/app"), &tag("latest"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&entry.digest, entry.checked_at), (new.digest(), at(2)));
    let back = record(&db, &hub, "hub/app", &old, Some("latest"), 3).await;
    assert_eq!(
        (back.is_new, back.moved_from.as_ref()),
        (false, Some(new.digest()))
    );
    assert_eq!(
        db.list_tags(&name("hub/app"), None, None).await.unwrap(),
        ["latest"]
    );
    assert_eq!(
        db.find_repository(&name("hub/app"))
            .await
            .unwrap()
            .unwrap()
            .updated_at,
        at(3)
    );
}

pub(crate) async fn recording_again_changes_nothing_but_the_check_time(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let image = image("same");
    let first = record(&db, &hub, "hub/app", &image, Some("v1"), 1).await;
    let again = record(&db, &hub, "hub/app", &image, Some("v1"), 9).await;
    assert_eq!(
        (again.artifact_id, again.is_new, again.moved_from),
        (first.artifact_id, false, None)
    );
    assert_eq!(
        db.find_tag(&app, &tag("v1"))
            .await
            .unwrap()
            .unwrap()
            .checked_at,
        at(9)
    );
    let found = db
        .find_artifact(&app, image.digest())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.pushed_at, found.tags[0].pushed_at), (at(1), at(1)));
    assert_eq!(
        db.find_repository(&app).await.unwrap().unwrap().updated_at,
        at(1)
    );
    // By digest alone, then by another tag.
    assert!(!record(&db, &hub, "hub/app", &image, None, 10).await.is_new);
    record(&db, &hub, "hub/app", &image, Some("v2"), 11).await;
    let found = db
        .find_artifact(&app, image.digest())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        found
            .tags
            .iter()
            .map(|tag| tag.name.as_str())
            .collect::<Vec<_>>(),
        ["v2", "v1"]
    );
    let tags = db
        .list_artifact_tags(
            first.artifact_id,
            &Page::parse(Some(2), Some(1), None, None).unwrap(),
        )
        .await;
    let tags = tags.unwrap();
    assert_eq!((tags.total, tags.items[0].name.as_str()), (2, "v1"));
}

pub(crate) async fn an_index_is_listed_with_its_children_and_they_under_it(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let (amd64, arm64) = (image("amd64"), image("arm64"));
    let both = index(&[("amd64", &amd64), ("arm64", &arm64)]);
    record(&db, &hub, "hub/app", &both, Some("v1"), 1).await;
    let child = record(&db, &hub, "hub/app", &amd64, None, 2).await;

    let found = db.list_artifacts(&app, &Page::all()).await.unwrap();
    assert_eq!((found.total, &found.items[0].digest), (1, both.digest()));
    let listed = &found.items[0];
    assert!(listed.is_index && !listed.is_child);
    let references: Vec<_> = listed
        .references
        .iter()
        .map(|child| (&child.child_digest, child.child_id))
        .collect();
    assert_eq!(
        references,
        [
            (amd64.digest(), Some(child.artifact_id)),
            (arm64.digest(), None)
        ]
    );
    assert_eq!(
        listed.references[1].platform.as_ref().unwrap().architecture,
        "arm64"
    );
    let amd64_size = amd64.bytes().len() as u64 + 1010;
    assert_eq!(listed.size, both.bytes().len() as u64 + amd64_size);
    assert!(
        db.find_artifact(&app, amd64.digest())
            .await
            .unwrap()
            .unwrap()
            .is_child
    );
    assert_eq!(
        db.find_parents(&app, amd64.digest()).await.unwrap(),
        [both.digest().clone()]
    );
    // A child of an index is no blob.
    assert_eq!(
        db.blob_right(&app, amd64.digest()).await.unwrap(),
        BlobRight::None
    );

    let with_children = Page::parse(None, None, Some("base=*"), None).unwrap();
    assert_eq!(
        db.list_artifacts(&app, &with_children).await.unwrap().total,
        2
    );
    assert_eq!(
        db.find_repository(&app)
            .await
            .unwrap()
            .unwrap()
            .artifact_count,
        1
    );
    record(&db, &hub, "hub/app", &amd64, Some("amd64"), 3).await;
    assert_eq!(
        db.list_artifacts(&app, &Page::all()).await.unwrap().total,
        2
    );
    assert_eq!(
        db.find_repository(&app)
            .await
            .unwrap()
            .unwrap()
            .artifact_count,
        2
    );
}

pub(crate) async fn artifacts_are_found_by_harbors_queries(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let helm = artifact("application/vnd.cncf.helm.config.v1+json", "chart", None);
    let (first, second) = (image("first"), image("second"));
    record(&db, &hub, "hub/app", &first, Some("v1"), 1).await;
    record(&db, &hub, "hub/app", &second, None, 2).await;
    record(&db, &hub, "hub/app", &helm, Some("Chart_1"), 3).await;
    let signature = artifact(
        "application/vnd.example.signature.v1+json",
        "signature",
        Some(&first),
    );
    record(&db, &hub, "hub/app", &signature, None, 4).await;

    let find = async |q: String, sort: Option<&str>| {
        let page = Page::parse(None, None, Some(&q), sort).unwrap();
        let found = db.list_artifacts(&app, &page).await.unwrap();
        assert_eq!(found.total, found.items.len() as u64);
        found
            .items
            .into_iter()
            .map(|artifact: Artifact| artifact.digest)
            .collect::<Vec<_>>()
    };
    let digests = |manifests: &[&oci::Manifest]| {
        manifests
            .iter()
            .map(|m| m.digest().clone())
            .collect::<Vec<Digest>>()
    };
    // The newest first; what is about another is shown with it.
    assert_eq!(
        find(String::new(), None).await,
        digests(&[&helm, &second, &first])
    );
    assert_eq!(
        find(String::new(), Some("push_time")).await,
        digests(&[&first, &second, &helm])
    );
    assert_eq!(find("tags=*".into(), None).await, digests(&[&helm, &first]));
    assert_eq!(find("tags=nil".into(), None).await, digests(&[&second]));
    assert_eq!(find("tags=v1".into(), None).await, digests(&[&first]));
    assert_eq!(find("tags=~CHART_".into(), None).await, digests(&[&helm]));
    assert_eq!(
        find("tags={v1 Chart_1}".into(), None).await,
        digests(&[&helm, &first])
    );
    assert_eq!(find("type=CHART".into(), None).await, digests(&[&helm]));
    assert_eq!(
        find("type=IMAGE".into(), None).await,
        digests(&[&second, &first])
    );
    assert_eq!(
        find(format!("digest={}", second.digest()), None).await,
        digests(&[&second])
    );
    assert_eq!(
        find("media_type=~helm,colour=red".into(), None).await,
        digests(&[&helm])
    );
    let since = at(2).format("%Y-%m-%dT%H:%M:%S");
    assert_eq!(
        find(format!("push_time=[{since}~]"), None).await,
        digests(&[&helm, &second])
    );
    assert_eq!(find("size=[many~]".into(), None).await, digests(&[]));

    let signed = db
        .find_artifact(&app, first.digest())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        signed
            .accessories
            .iter()
            .map(|accessory| &accessory.digest)
            .collect::<Vec<_>>(),
        [signature.digest()]
    );
    assert_eq!(
        db.find_repository(&app)
            .await
            .unwrap()
            .unwrap()
            .artifact_count,
        3
    );
}

pub(crate) async fn referrers_are_listed_with_type_and_annotations(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let subject = image("signed");
    let signature = artifact(
        "application/vnd.example.signature",
        "signature",
        Some(&subject),
    );
    let sbom = artifact("application/vnd.example.sbom", "sbom", Some(&subject));
    // A referrer may come before its subject.
    record(&db, &hub, "hub/app", &signature, None, 1).await;
    record(&db, &hub, "hub/app", &sbom, None, 2).await;
    record(&db, &hub, "hub/app", &subject, Some("v1"), 3).await;
    let all = db.referrers(&app, subject.digest(), None).await.unwrap();
    assert_eq!(all, [signature.descriptor(), sbom.descriptor()]);
    assert_eq!(all[0].annotations.as_ref().unwrap()["about"], "signature");
    let sboms = db
        .referrers(&app, subject.digest(), Some("application/vnd.example.sbom"))
        .await
        .unwrap();
    assert_eq!(sboms, [sbom.descriptor()]);
    assert_eq!(
        db.referrers(&name("hub/other"), subject.digest(), None)
            .await
            .unwrap(),
        []
    );
}

pub(crate) async fn tags_are_ordered_and_told_apart_byte_by_byte(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let image = image("any");
    for tag in ["b", "a", "B", "A", "_x", "1.0", "1.0-a"] {
        record(&db, &hub, "hub/app", &image, Some(tag), 1).await;
    }
    let ordered = ["1.0", "1.0-a", "A", "B", "_x", "a", "b"];
    assert_eq!(db.list_tags(&app, None, None).await.unwrap(), ordered);
    assert_eq!(
        db.list_tags(&app, Some("A"), Some(2)).await.unwrap(),
        ["B", "_x"]
    );
    assert_eq!(
        db.list_tags(&app, Some("zzz"), None).await.unwrap(),
        [""; 0]
    );
    assert_eq!(db.list_tags(&app, None, Some(0)).await.unwrap(), [""; 0]);
    assert!(db.delete_tag(&app, &tag("a"), at(2)).await.unwrap());
    assert!(!db.delete_tag(&app, &tag("a"), at(2)).await.unwrap());
    assert!(db.find_tag(&app, &tag("A")).await.unwrap().is_some());
    assert!(db.find_tag(&app, &tag("a")).await.unwrap().is_none());
}

pub(crate) async fn what_is_deleted_is_forgotten_at_once(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let image = image("gone");
    let see = async || {
        let tag = db.find_tag(&app, &tag("v1")).await.unwrap().is_some();
        let manifest = db
            .find_manifest(&app, image.digest())
            .await
            .unwrap()
            .is_some();
        let right = db.blob_right(&app, &blob("gone")).await.unwrap() != BlobRight::None;
        (tag, manifest, right)
    };
    assert_eq!(see().await, (false, false, false));
    record(&db, &hub, "hub/app", &image, Some("v1"), 1).await;
    assert_eq!(see().await, (true, true, true));
    assert!(db.delete_tag(&app, &tag("v1"), at(2)).await.unwrap());
    assert_eq!(see().await, (false, true, true));
    record(&db, &hub, "hub/app", &image, Some("v1"), 2).await;
    assert!(
        db.delete_artifact(&app, image.digest(), NONE_KEPT, at(2))
            .await
            .unwrap()
    );
    assert!(
        !db.delete_artifact(&app, image.digest(), NONE_KEPT, at(2))
            .await
            .unwrap()
    );
    assert_eq!(see().await, (false, false, false));
    assert_eq!(db.list_tags(&app, None, None).await.unwrap(), [""; 0]);
    record(&db, &hub, "hub/app", &image, Some("v1"), 3).await;
    db.link_blob(&app, hub.id, &blob("gone"), 1000, at(3))
        .await
        .unwrap();
    assert_eq!(see().await, (true, true, true));
    assert!(db.delete_repository(&app, NONE_KEPT).await.unwrap());
    assert!(!db.delete_repository(&app, NONE_KEPT).await.unwrap());
    assert_eq!(see().await, (false, false, false));
    assert!(db.find_repository(&app).await.unwrap().is_none());
    assert!(
        record(&db, &hub, "hub/app", &image, Some("v1"), 4)
            .await
            .is_new
    );
    assert_eq!(see().await, (true, true, true));
}

pub(crate) async fn ten_thousand_descriptors_are_recorded(db: Db) {
    let hub = project(&db, "hub").await;
    let layers: Vec<_> = (0..10_000)
        .map(|number| serde_json::json!({"mediaType": "x/y", "digest": blob(&number.to_string()), "size": number}))
        .collect();
    let document = serde_json::json!({
        "mediaType": media_type::OCI_MANIFEST, "layers": layers,
        "config": {"mediaType": "x/y", "digest": blob("config"), "size": u64::MAX},
    });
    let manifest = manifest(&document);
    record(&db, &hub, "hub/huge", &manifest, Some("v1"), 1).await;
    let right = db
        .blob_right(&name("hub/huge"), &blob("9999"))
        .await
        .unwrap();
    assert_eq!(right, BlobRight::Named { size: 9999 });
    let found = db
        .find_artifact(&name("hub/huge"), manifest.digest())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.size, i64::MAX as u64, "sizes end where a BIGINT does");
    assert_ne!(found.pushed_at, DateTime::UNIX_EPOCH);
}
