//! The table itself. Data only: what drives it is [`super`].

/// A cell is an outcome (`ok`; the status of a refusal; `none`: no credential could be had) and the calls it took: `l` to
/// services that make credentials, `m` to the machine's metadata service, `t` to the registry's token service, `r` to the
/// registry itself. `-`: there is no such pull.
///
/// - cold: a manifest and its three blobs at once, by a new client; again: the same once more; other: another
///   repository, by the same client; check: `HEAD` of the tag, by a new client.
/// - ends, revoked: as cold, but what was made reaches its end, or is refused, between the manifest and the blobs. A
///   blob that is refused is asked for once more. Only what was typed in ends for good.
/// - told: part of what the operator reads.
///
/// A wrong credential is shown once, not with each pull. Two providers leave open whether it is the credential that they
/// refuse: Harbor gives it a stranger's token, and GitHub says 403, as to names that do not exist. There it is shown once
/// for each repository. Amazon's 403 to a token that was typed in may be about the repository, and is not remembered.
pub(super) const TABLE: &str = "
provider, its way in         credential | cold           | again  | other     | check          | ends           | revoked        | told
harbor                       anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
harbor                       right      | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
harbor                       wrong      | 401 t1 r2      | 401 r1 | 401 t1 r1 | 401 t1 r2      | -              | -              | status 401
harbor                       expired    | 401 t1 r2      | 401 r1 | 401 t1 r1 | 401 t1 r2      | -              | -              | status 401
docker-hub                   anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
docker-hub                   right      | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
docker-hub                   wrong      | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
docker-hub                   expired    | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
docker-registry, basic       anonymous  | 401 r1         | 401    | 401       | 401 r1         | -              | -              | status 401
docker-registry, basic       right      | ok r5          | ok r4  | ok r4     | ok r2          | ok r5          | ok r5          |
docker-registry, basic       wrong      | 401 r2         | 401    | 401       | 401 r2         | -              | -              | status 401
docker-registry, basic       expired    | 401 r2         | 401    | 401       | 401 r2         | -              | -              | status 401
docker-registry, tokens      anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
docker-registry, tokens      right      | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
docker-registry, tokens      wrong      | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
docker-registry, tokens      expired    | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
aws-ecr, access key          anonymous  | none m2 r1     | none   | none      | none m2 r1     | -              | -              | this instance has no role: attach one, or give an access key
aws-ecr, access key          right      | ok l1 r5       | ok r4  | ok r4     | ok l1 r2       | ok l2 r5       | ok l2 r8       |
aws-ecr, access key          wrong      | none l1 r1     | none   | none      | none l1 r1     | -              | -              | the secret does not belong to the access key
aws-ecr, access key          expired    | none l1 r1     | none   | none      | none l1 r1     | -              | -              | the session has expired
aws-ecr, by the API's URL    right      | ok l2 r5       | ok r4  | ok r4     | ok l2 r2       | ok l3 r5       | ok l3 r8       |
aws-ecr, by the API's URL    wrong      | none l1        | none   | none      | none l1        | -              | -              | the secret does not belong to the access key
aws-ecr, by the API's URL    expired    | none l1        | none   | none      | none l1        | -              | -              | the session has expired
aws-ecr, instance role       right      | ok l1 m3 r5    | ok r4  | ok r4     | ok l1 m3 r2    | ok l2 m6 r5    | ok l2 m6 r8    |
aws-ecr, instance role       wrong      | none l1 m3 r1  | none   | none      | none l1 m3 r1  | -              | -              | the role's trust policy must name
aws-ecr, instance role       expired    | none l1 m3 r1  | none   | none      | none l1 m3 r1  | -              | -              | the session has expired
aws-ecr, token typed in      right      | ok r5          | ok r4  | ok r4     | ok r2          | 403 r5         | 403 r5         |
aws-ecr, token typed in      wrong      | 401 r2         | 401    | 401       | 401 r2         | -              | -              | status 401
aws-ecr, token typed in      expired    | 403 r2         | 403 r1 | 403 r1    | 403 r2         | -              | -              | status 403
aws-ecr, public gallery      anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
aws-ecr, public gallery      right      | ok l1 t1 r5    | ok r4  | ok t1 r4  | ok l1 t1 r2    | ok l2 t2 r5    | ok l2 t3 r8    |
aws-ecr, public gallery      wrong      | none l1 r1     | none   | none      | none l1 r1     | -              | -              | the secret does not belong to the access key
aws-ecr, public gallery      expired    | none l1 r1     | none   | none      | none l1 r1     | -              | -              | the session has expired
azure-acr, password          anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
azure-acr, password          right      | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
azure-acr, password          wrong      | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
azure-acr, password          expired    | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
azure-acr, workload identity anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r8       | ok t2 r8       |
azure-acr, workload identity right      | ok l2 t1 r5    | ok r4  | ok t1 r4  | ok l2 t1 r2    | ok l4 t2 r8    | ok l4 t3 r8    |
azure-acr, workload identity wrong      | none l1 r1     | none   | none      | none l1 r1     | -              | -              | check the tenant, the client id
azure-acr, workload identity expired    | none l1 r1     | none   | none      | none l1 r1     | -              | -              | Client assertion is not within its valid time range
azure-acr, managed identity  right      | ok l1 m1 t1 r5 | ok r4  | ok t1 r4  | ok l1 m1 t1 r2 | ok l2 m2 t2 r8 | ok l2 m2 t3 r8 |
azure-acr, managed identity  wrong      | none m1 r1     | none   | none      | none m1 r1     | -              | -              | give this machine a managed identity
azure-acr, managed identity  expired    | none l1 m1 r1  | none   | none      | none l1 m1 r1  | -              | -              | give the identity the role AcrPull
google-gcr, key              anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
google-gcr, key              right      | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
google-gcr, key              wrong      | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
google-gcr, key              expired    | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
google-gcr, traded key       right      | ok l1 t1 r5    | ok r4  | ok t1 r4  | ok l1 t1 r2    | ok l2 t2 r5    | ok l2 t3 r8    |
google-gcr, traded key       wrong      | none l1 r1     | none   | none      | none l1 r1     | -              | -              | see that the service account and this key of it still exist
google-gcr, traded key       expired    | 401 l1 t1 r1   | 401    | 401       | 401 l1 t1 r1   | -              | -              | status 401
google-gcr, federation       right      | ok l1 t1 r5    | ok r4  | ok t1 r4  | ok l1 t1 r2    | ok l2 t2 r5    | ok l2 t3 r8    |
google-gcr, federation       wrong      | none l1 r1     | none   | none      | none l1 r1     | -              | -              | check the audience, and that the pool's provider
google-gcr, federation       expired    | none l1 r1     | none   | none      | none l1 r1     | -              | -              | the token is expired
google-gcr, metadata server  right      | ok m1 t1 r5    | ok r4  | ok t1 r4  | ok m1 t1 r2    | ok m2 t2 r5    | ok m2 t3 r8    |
google-gcr, metadata server  wrong      | none m1 r1     | none   | none      | none m1 r1     | -              | -              | give this machine or workload a service account
google-gcr, metadata server  expired    | 401 m1 t1 r1   | 401    | 401       | 401 m1 t1 r1   | -              | -              | status 401
quay                         anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
quay                         right      | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
quay                         wrong      | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
quay                         expired    | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
github-ghcr                  anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
github-ghcr                  right      | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
github-ghcr                  wrong      | 403 t1 r1      | 403    | 403 t1    | 403 t1 r1      | -              | -              | status 403
github-ghcr                  expired    | 403 t1 r1      | 403    | 403 t1    | 403 t1 r1      | -              | -              | status 403
jfrog-artifactory            anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
jfrog-artifactory            right      | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
jfrog-artifactory            wrong      | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
jfrog-artifactory            expired    | 401 t1 r1      | 401    | 401       | 401 t1 r1      | -              | -              | status 401
ali-acr, Personal Edition    anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
ali-acr, Personal Edition    right      | ok l1 t1 r5    | ok r4  | ok t1 r4  | ok l1 t1 r2    | ok l2 t2 r5    | ok l2 t3 r8    |
ali-acr, Personal Edition    wrong      | none l1 r1     | none   | none      | none l1 r1     | -              | -              | check the AccessKey id and secret
ali-acr, Personal Edition    expired    | 401 l2 t2 r1   | 401    | 401       | 401 l2 t2 r1   | -              | -              | status 401
ali-acr, Enterprise Edition  anonymous  | ok t1 r5       | ok r4  | ok t1 r4  | ok t1 r2       | ok t2 r5       | ok t2 r8       |
ali-acr, Enterprise Edition  right      | ok l1 t1 r6    | ok r4  | ok t1 r4  | ok l1 t1 r3    | ok l2 t2 r6    | ok l2 t3 r9    |
ali-acr, Enterprise Edition  wrong      | none l1 r2     | none   | none      | none l1 r2     | -              | -              | check the AccessKey id and secret
ali-acr, Enterprise Edition  expired    | 401 l2 t2 r2   | 401    | 401       | 401 l2 t2 r2   | -              | -              | status 401
";
