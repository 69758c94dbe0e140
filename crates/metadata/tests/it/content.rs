//! What people see of content: which artifacts are listed, what goes with what, labels, counts.

use metadata::{
    Artifact, ContentCounts, Db, Error, LabelDraft, NONE_KEPT, Page, Project, Visibility,
};
use oci::{Manifest, media_type};

use crate::harness::{artifact, at, image, index, name, new_project, project, record, tag};

/// The digests a list gives, which must be as many as the repository says it has.
async fn listed(db: &Db, repository: &str) -> Vec<oci::Digest> {
    let found = db
        .list_artifacts(&name(repository), &Page::all())
        .await
        .unwrap();
    let row = db
        .find_repository(&name(repository))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.total, row.artifact_count, "as counted");
    let first = Page::parse(Some(1), Some(1), None, None).unwrap();
    let page = db.list_artifacts(&name(repository), &first).await.unwrap();
    assert_eq!(page.total, row.artifact_count, "as told beside a page");
    found.items.into_iter().map(|item| item.digest).collect()
}

fn digests(manifests: &[&Manifest]) -> Vec<oci::Digest> {
    manifests.iter().map(|m| m.digest().clone()).collect()
}

fn query(q: &str) -> Page {
    Page::parse(None, None, Some(q), None).unwrap()
}

pub(crate) async fn an_artifact_is_listed_while_nothing_else_shows_it(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let (child, both) = (image("child"), index(&[("amd64", &image("child"))]));
    // A child alone, then under its index, whichever comes first.
    record(&db, &hub, "hub/app", &child, None, 1).await;
    assert_eq!(listed(&db, "hub/app").await, digests(&[&child]));
    record(&db, &hub, "hub/app", &both, Some("v1"), 2).await;
    assert_eq!(listed(&db, "hub/app").await, digests(&[&both]));
    // A tag of its own shows it, its loss hides it.
    record(&db, &hub, "hub/app", &child, Some("child"), 3).await;
    assert_eq!(listed(&db, "hub/app").await, digests(&[&both, &child]));
    let other = image("other");
    record(&db, &hub, "hub/app", &other, Some("child"), 4).await;
    assert_eq!(listed(&db, "hub/app").await, digests(&[&other, &both]));
    assert!(db.delete_tag(&app, &tag("child"), at(5)).await.unwrap());
    assert_eq!(listed(&db, "hub/app").await, digests(&[&other, &both]));
    let untagged = db.list_artifacts(&app, &query("tags=nil")).await.unwrap();
    assert_eq!(untagged.items[0].digest, *other.digest());
    // The index goes, the child stays.
    assert!(
        db.delete_artifact(&app, both.digest(), NONE_KEPT, at(6))
            .await
            .unwrap()
    );
    assert_eq!(listed(&db, "hub/app").await, digests(&[&other, &child]));
    assert_eq!(
        db.find_repository(&app).await.unwrap().unwrap().updated_at,
        at(6)
    );
    assert!(!db.delete_tag(&app, &tag("child"), at(7)).await.unwrap());
}

pub(crate) async fn an_accessory_by_tag_or_by_subject_goes_with_its_subject(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let signed = image("signed");
    let notation = "application/vnd.cncf.notary.signature";
    let by_subject = artifact(notation, "by subject", Some(&signed));
    let (by_tag, about_that) = (
        image("by tag"),
        artifact("x/y", "about that", Some(&by_subject)),
    );
    let cosign = format!("{}.sig", signed.digest().as_str().replace(':', "-"));
    // Before there is a subject they are artifacts like others.
    record(&db, &hub, "hub/app", &by_subject, None, 1).await;
    record(&db, &hub, "hub/app", &by_tag, Some(&cosign), 2).await;
    record(&db, &hub, "hub/app", &about_that, None, 3).await;
    assert_eq!(
        listed(&db, "hub/app").await,
        digests(&[&by_tag, &by_subject])
    );
    record(&db, &hub, "hub/app", &signed, Some("v1"), 4).await;
    assert_eq!(listed(&db, "hub/app").await, digests(&[&signed]));

    let found = db.find_artifact(&app, signed.digest()).await.unwrap();
    let found = found.unwrap();
    let kinds = |accessories: &[metadata::Accessory]| {
        let pairs = accessories.iter();
        pairs
            .map(|accessory| (accessory.digest.clone(), accessory.kind.clone()))
            .collect::<Vec<_>>()
    };
    let expected = [
        (by_subject.digest().clone(), "signature.notation".to_owned()),
        (by_tag.digest().clone(), "signature.cosign".to_owned()),
    ];
    assert_eq!(kinds(&found.accessories), expected);
    let listed_too = db.list_accessories(&found, &Page::all()).await.unwrap();
    assert_eq!(kinds(&listed_too.items), expected);
    let of_cosign = query("type=signature.cosign");
    let cosigns = db.list_accessories(&found, &of_cosign).await.unwrap();
    assert_eq!(
        (cosigns.total, &cosigns.items[0].digest),
        (1, by_tag.digest())
    );
    // A tag makes no referrer.
    let referrers = db.referrers(&app, signed.digest(), None).await.unwrap();
    assert_eq!(referrers, [by_subject.descriptor()]);

    // All go with their subject, and what is about them.
    assert!(
        db.delete_artifact(&app, signed.digest(), NONE_KEPT, at(5))
            .await
            .unwrap()
    );
    assert_eq!(listed(&db, "hub/app").await, digests(&[]));
    for gone in [&by_subject, &by_tag, &about_that] {
        assert_eq!(db.find_manifest(&app, gone.digest()).await.unwrap(), None);
    }
    assert_eq!(db.find_tag(&app, &tag(&cosign)).await.unwrap(), None);
}

pub(crate) async fn an_index_takes_what_nothing_else_needs(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let [shared, tagged, own] = ["shared", "tagged", "own"].map(image);
    let first = index(&[("a", &shared), ("b", &tagged), ("c", &own)]);
    let second = index(&[("a", &shared)]);
    let signature = artifact("x/y", "signature", Some(&own));
    for (manifest, tag) in [
        (&shared, None),
        (&tagged, Some("tagged")),
        (&own, None),
        (&signature, None),
        (&first, Some("first")),
        (&second, Some("second")),
    ] {
        record(&db, &hub, "hub/app", manifest, tag, 1).await;
    }
    assert_eq!(
        db.find_parents(&app, shared.digest()).await.unwrap().len(),
        2
    );
    let deleted = db.delete_artifact_and_children(&app, first.digest(), NONE_KEPT, at(2));
    assert!(deleted.await.unwrap());
    assert_eq!(listed(&db, "hub/app").await, digests(&[&second, &tagged]));
    for gone in [&first, &own, &signature] {
        assert_eq!(db.find_manifest(&app, gone.digest()).await.unwrap(), None);
    }
    assert!(
        db.find_manifest(&app, shared.digest())
            .await
            .unwrap()
            .is_some()
    );
    let again = db.delete_artifact_and_children(&app, first.digest(), NONE_KEPT, at(3));
    assert!(!again.await.unwrap());
}

pub(crate) async fn a_projects_artifacts_are_listed_together_or_the_newest_of_each_repository(
    db: Db,
) {
    let hub = project(&db, "hub").await;
    let other = db
        .create_project(new_project("other"), at(0))
        .await
        .unwrap();
    let helm = "application/vnd.cncf.helm.config.v1+json";
    let [old, new, young] = ["old", "new", "young"].map(image);
    let chart = artifact(helm, "chart", None);
    record(&db, &hub, "hub/a", &old, Some("1"), 1).await;
    record(&db, &hub, "hub/a", &new, Some("2"), 2).await;
    record(&db, &hub, "hub/a", &chart, Some("chart"), 3).await;
    record(&db, &hub, "hub/b", &young, Some("2"), 4).await;
    record(&db, &other, "other/c", &image("elsewhere"), Some("1"), 5).await;

    let all = async |q: &str| found(db.list_project_artifacts(hub.id, &query(q)).await.unwrap());
    let pairs = |pairs: &[(&str, &Manifest)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(name, m)| ((*name).to_owned(), m.digest().clone()))
            .collect::<Vec<_>>()
    };
    let newest_first = [
        ("hub/b", &young),
        ("hub/a", &chart),
        ("hub/a", &new),
        ("hub/a", &old),
    ];
    assert_eq!(all("").await, pairs(&newest_first));
    assert_eq!(all("type=chart").await, pairs(&[("hub/a", &chart)]));
    assert_eq!(
        all("tags=2").await,
        pairs(&[("hub/b", &young), ("hub/a", &new)])
    );
    assert_eq!(all("tags=nil").await, []);
    let second = Page::parse(Some(2), Some(3), None, None).unwrap();
    let second = db.list_project_artifacts(hub.id, &second).await.unwrap();
    assert_eq!((second.total, second.items.len()), (4, 1));

    let latest = async |q: &str| found(db.list_latest_artifacts(hub.id, &query(q)).await.unwrap());
    let images = format!("media_type={}", media_type::OCI_CONFIG);
    assert_eq!(
        latest(&images).await,
        pairs(&[("hub/b", &young), ("hub/a", &new)])
    );
    assert_eq!(
        latest(&format!("artifact_type={helm}")).await,
        pairs(&[("hub/a", &chart)])
    );
    assert_eq!(
        latest(&format!("{images},tags=1")).await,
        pairs(&[("hub/a", &old)])
    );

    fn found(paged: metadata::Paged<Artifact>) -> Vec<(String, oci::Digest)> {
        assert_eq!(paged.total, paged.items.len() as u64);
        let items = paged.items.into_iter();
        items.map(|item| (item.repository, item.digest)).collect()
    }
}

pub(crate) async fn labels_are_put_on_artifacts_and_found_by(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let (first, second) = (image("first"), image("second"));
    let first_id = record(&db, &hub, "hub/app", &first, Some("1"), 1).await;
    let second_id = record(&db, &hub, "hub/app", &second, Some("2"), 2).await;
    let (first_id, second_id) = (first_id.artifact_id, second_id.artifact_id);
    let draft = |name: &str| LabelDraft {
        name: name.to_owned(),
        description: "why".to_owned(),
        color: "#61717D".to_owned(),
    };
    let make = async |project: Option<&Project>, name: &str| {
        let project_id = project.map(|project| project.id);
        db.create_label(project_id, &draft(name), at(3)).await
    };
    let global = make(None, "stable").await.unwrap();
    // A name is given once among the global ones, and once in each project.
    let own = make(Some(&hub), "stable").await.unwrap();
    for taken in [make(None, "stable").await, make(Some(&hub), "stable").await] {
        assert!(matches!(taken, Err(Error::Conflict { .. })), "{taken:?}");
    }
    let nowhere = db.create_label(Some(99), &draft("x"), at(3)).await;
    assert!(matches!(nowhere, Err(Error::NotFound { .. })));

    db.put_label(first_id, global, at(4)).await.unwrap();
    db.put_label(first_id, own, at(4)).await.unwrap();
    db.put_label(second_id, global, at(4)).await.unwrap();
    let again = db.put_label(second_id, global, at(4)).await;
    assert!(matches!(again, Err(Error::Conflict { .. })));
    for (artifact, label) in [(999, global), (first_id, 999)] {
        let missing = db.put_label(artifact, label, at(4)).await;
        assert!(matches!(missing, Err(Error::NotFound { .. })));
    }
    let find = async |q: String| {
        let found = db.list_artifacts(&app, &query(&q)).await.unwrap();
        found
            .items
            .into_iter()
            .map(|item| item.digest)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        find(format!("labels={global}")).await,
        digests(&[&second, &first])
    );
    assert_eq!(
        find(format!("labels=({global} {own})")).await,
        digests(&[&first])
    );
    assert_eq!(
        find(format!("labels={{{own} 999}}")).await,
        digests(&[&first])
    );
    for nothing in ["labels=~stable", "labels=none", "labels=(1 none)"] {
        assert_eq!(find(nothing.to_owned()).await, [], "{nothing}");
    }
    let found = db.find_artifact(&app, first.digest()).await.unwrap();
    let labels = found.unwrap().labels;
    assert_eq!(
        labels
            .iter()
            .map(|label| (label.id, label.project_id))
            .collect::<Vec<_>>(),
        [(global, None), (own, Some(hub.id))]
    );

    db.update_label(own, &draft("ours"), at(5)).await.unwrap();
    let changed = db.find_label(own).await.unwrap().unwrap();
    assert_eq!(
        (
            changed.name.as_str(),
            changed.created_at,
            changed.updated_at
        ),
        ("ours", at(3), at(5))
    );
    let unknown = db.update_label(99, &draft("x"), at(5)).await;
    assert!(matches!(unknown, Err(Error::NotFound { .. })));
    assert!(db.take_label(first_id, own).await.unwrap());
    assert!(!db.take_label(first_id, own).await.unwrap());
    let globals = db.list_labels(None, &query("name=~ST")).await.unwrap();
    assert_eq!((globals.total, globals.items[0].id), (1, global));
    let ours = db.list_labels(Some(hub.id), &Page::all()).await.unwrap();
    assert_eq!(ours.items, [changed]);
    // What is deleted takes its marks with it.
    db.delete_label(global).await.unwrap();
    assert!(db.delete_label(global).await.is_err());
    assert_eq!(find(format!("labels={global}")).await, []);
    db.put_label(first_id, own, at(6)).await.unwrap();
    assert!(db.delete_repository(&app, NONE_KEPT).await.unwrap());
    db.delete_project(hub.id).await.unwrap();
    assert_eq!(db.find_label(own).await.unwrap(), None);
}

pub(crate) async fn content_is_counted_as_far_as_it_is_seen(db: Db) {
    let hub = project(&db, "hub").await;
    let mut open = new_project("open");
    open.metadata.insert("public".to_owned(), "true".to_owned());
    let open = db.create_project(open, at(0)).await.unwrap();
    record(&db, &hub, "hub/a", &image("a"), Some("1"), 1).await;
    record(&db, &hub, "hub/b", &image("a"), Some("1"), 1).await;
    record(&db, &open, "open/a", &image("a"), Some("1"), 1).await;
    let all = ContentCounts {
        public_projects: 1,
        public_repositories: 1,
        private_projects: 1,
        private_repositories: 2,
    };
    let public = ContentCounts {
        private_projects: 0,
        private_repositories: 0,
        ..all
    };
    for (eyes, seen) in [
        (Visibility::All, all),
        (Visibility::PublicOnly, public),
        (Visibility::User(99), public),
    ] {
        assert_eq!(db.count_content(&eyes).await.unwrap(), seen, "{eyes:?}");
    }
    db.add_member(hub.id, 1, 1, at(1)).await.unwrap();
    assert_eq!(db.count_content(&Visibility::User(1)).await.unwrap(), all);
}
