//! `/users`: the people and programs that sign in here. Administrators make and unmake them; everyone may look at
//! themselves and change their own password.

mod rules;

use auth::{Identity, SystemAction, settings};
use axum::Json;
use axum::response::IntoResponse;
use chrono::Utc;
use http::{StatusCode, Uri};
use metadata::{Filter, NewUser, Paged, Test, User, UserProfile};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Asked, Body, Names};
use super::json::{Time, is_default, or_default};
use super::page::Paging;
use super::{Result, created};
use crate::error::{Error, harbor};
use crate::openapi::Created;
use rules::{check_profile, check_username};

/// The first administrator: not listed, as in Harbor, and neither deleted nor demoted, so that one is always left.
const FIRST_ADMIN_ID: i64 = 1;

#[derive(Serialize, ToSchema)]
#[schema(as = UserResp)]
struct UserBody {
    user_id: i64,
    username: String,
    #[serde(skip_serializing_if = "is_default")]
    email: String,
    #[serde(skip_serializing_if = "is_default")]
    realname: String,
    #[serde(skip_serializing_if = "is_default")]
    comment: String,
    sysadmin_flag: bool,
    admin_role_in_auth: bool,
    creation_time: Time,
    update_time: Time,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            user_id: user.id,
            username: user.username,
            email: user.email,
            realname: user.realname,
            comment: user.comment,
            sysadmin_flag: user.is_sysadmin,
            admin_role_in_auth: false,
            creation_time: user.created_at.into(),
            update_time: user.updated_at.into(),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = UserSearchRespItem)]
struct FoundUser {
    user_id: i64,
    username: String,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = UserCreationReq)]
pub(super) struct UserRequest {
    #[serde(default, deserialize_with = "or_default")]
    username: String,
    #[serde(default, deserialize_with = "or_default")]
    password: String,
    #[serde(flatten)]
    profile: ProfileRequest,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = UserProfile)]
pub(super) struct ProfileRequest {
    #[serde(default, deserialize_with = "or_default")]
    email: String,
    #[serde(default, deserialize_with = "or_default")]
    realname: String,
    #[serde(default, deserialize_with = "or_default")]
    comment: String,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PasswordReq)]
pub(super) struct PasswordRequest {
    #[serde(default, deserialize_with = "or_default")]
    old_password: String,
    #[serde(default, deserialize_with = "or_default")]
    new_password: String,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = UserSysAdminFlag)]
pub(super) struct SysadminRequest {
    #[serde(default, deserialize_with = "or_default")]
    sysadmin_flag: bool,
}

/// All users but the first administrator.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "listUsers",
    tag = "user",
    params(
        Paging,
        ("username" = Option<String>, Query, description = "A part of the name"),
        ("email" = Option<String>, Query, description = "A part of the address"),
    ),
    responses((status = 200, body = [UserBody])),
)]
pub(super) async fn list(asked: Asked, mut paging: Paging) -> Result {
    asked.system(SystemAction::UserList).await?;
    for key in ["username", "email"] {
        let part = paging.parameters.text(key).map(str::to_owned);
        let test = part.map(Test::Contains);
        paging
            .page
            .filter
            .extend(test.map(|test| filter(key, test)));
    }
    let found = find_listed(&asked, &mut paging).await?;
    let bodies: Vec<UserBody> = found.items.into_iter().map(UserBody::from).collect();
    Ok(paging.answer(&bodies, found.total))
}

/// Users by a part of their names, for whoever makes somebody a member. The first administrator needs no role.
#[utoipa::path(
    get,
    path = "/users/search",
    operation_id = "searchUsers",
    tag = "user",
    params(Paging, ("username" = String, Query, description = "A part of the name")),
    responses((status = 200, body = [FoundUser])),
)]
pub(super) async fn search(asked: Asked, mut paging: Paging) -> Result {
    asked.system(SystemAction::UserSearch).await?;
    let part = paging.parameters.required("username")?.to_owned();
    let test = Test::Contains(part);
    paging.page.filter.push(filter("username", test));
    let found = find_listed(&asked, &mut paging).await?;
    let bodies: Vec<FoundUser> = found
        .items
        .into_iter()
        .map(|user| FoundUser {
            user_id: user.id,
            username: user.username,
        })
        .collect();
    Ok(paging.answer(&bodies, found.total))
}

/// Adds a user.
///
/// Administrators do; strangers may, for themselves, where the setting `self_registration` is true.
#[utoipa::path(
    post,
    path = "/users",
    operation_id = "createUser",
    tag = "user",
    request_body = UserRequest,
    responses(Created),
)]
pub(super) async fn create(asked: Asked, uri: Uri, Body(request): Body<UserRequest>) -> Result {
    asked.about(&request.username);
    require_creatable(&asked).await?;
    check_username(&asked, &request.username).await?;
    check_profile(&request.profile)?;
    let taken = format!(
        "user {} or email {} already exists",
        request.username, request.profile.email
    );
    let password_hash = asked
        .state
        .auth()
        .hash_password(&request.password)
        .await
        .map_err(refused_password)?;
    let UserRequest {
        username,
        profile:
            ProfileRequest {
                email,
                realname,
                comment,
            },
        ..
    } = request;
    let new = NewUser {
        username,
        email,
        realname,
        comment,
        password_hash,
        is_sysadmin: false,
    };
    let user = asked
        .state
        .db()
        .create_user(new, Utc::now())
        .await
        .map_err(|error| or_taken(taken, error))?;
    // Whoever makes themselves a user is who did it.
    if asked.caller.identity.is_anonymous() {
        asked.done_by(&Identity::User {
            id: user.id,
            name: user.username,
            is_sysadmin: false,
        });
    }
    Ok(created(&uri, user.id))
}

/// Who the caller is.
#[utoipa::path(
    get,
    path = "/users/current",
    operation_id = "getCurrentUserInfo",
    tag = "user",
    responses((status = 200, body = UserBody)),
)]
pub(super) async fn current(asked: Asked) -> Result {
    let user = find(&asked, asked.user_id()?).await?;
    Ok(Json(UserBody::from(user)).into_response())
}

/// A user: oneself, or as an administrator anyone.
#[utoipa::path(
    get,
    path = "/users/{user_id}",
    operation_id = "getUser",
    tag = "user",
    responses((status = 200, body = UserBody)),
)]
pub(super) async fn get(asked: Asked, Names(id): Names<i64>) -> Result {
    require_self_or(SystemAction::UserRead, &asked, id).await?;
    Ok(Json(UserBody::from(find(&asked, id).await?)).into_response())
}

/// Changes what users say about themselves.
#[utoipa::path(
    put,
    path = "/users/{user_id}",
    operation_id = "updateUserProfile",
    tag = "user",
    request_body = ProfileRequest,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Names(id): Names<i64>,
    Body(profile): Body<ProfileRequest>,
) -> Result<StatusCode> {
    require_self_or(SystemAction::UserUpdate, &asked, id).await?;
    check_profile(&profile)?;
    let user = find_to_change(&asked, id).await?;
    let taken = format!(
        "user {} or email {} already exists",
        user.username, profile.email
    );
    let ProfileRequest {
        email,
        realname,
        comment,
    } = profile;
    let profile = UserProfile {
        email,
        realname,
        comment,
    };
    let updated = asked
        .state
        .db()
        .update_user_profile(id, profile, Utc::now())
        .await;
    updated
        .map(|()| StatusCode::OK)
        .map_err(|error| or_taken(taken, error))
}

/// Removes a user.
///
/// Neither oneself nor the first administrator.
#[utoipa::path(
    delete,
    path = "/users/{user_id}",
    operation_id = "deleteUser",
    tag = "user",
    responses((status = 200)),
)]
pub(super) async fn delete(asked: Asked, Names(id): Names<i64>) -> Result<StatusCode> {
    asked.system(SystemAction::UserDelete).await?;
    if id == FIRST_ADMIN_ID || asked.caller.identity.user_id() == Some(id) {
        return Err(forbidden(format!("User with ID {id} cannot be deleted")));
    }
    find_to_change(&asked, id).await?;
    asked
        .state
        .db()
        .delete_user(id)
        .await
        .map(|()| StatusCode::OK)
        .map_err(Error::of_metadata)
}

/// Makes a user an administrator, or one no longer.
#[utoipa::path(
    put,
    path = "/users/{user_id}/sysadmin",
    operation_id = "setUserSysAdmin",
    tag = "user",
    request_body = SysadminRequest,
    responses((status = 200)),
)]
pub(super) async fn set_sysadmin(
    asked: Asked,
    Names(id): Names<i64>,
    Body(request): Body<SysadminRequest>,
) -> Result<StatusCode> {
    asked.system(SystemAction::UserUpdate).await?;
    if id == FIRST_ADMIN_ID {
        return Err(forbidden("the first administrator stays one".to_owned()));
    }
    if !asked.caller.identity.is_sysadmin() {
        return Err(forbidden(NO_ADMINISTRATOR.to_owned()));
    }
    find(&asked, id).await?;
    let set = asked
        .state
        .db()
        .set_sysadmin(id, request.sysadmin_flag, Utc::now())
        .await;
    set.map(|()| StatusCode::OK).map_err(Error::of_metadata)
}

/// Sets a password: one's own with the old one, anyone else's as an administrator.
#[utoipa::path(
    put,
    path = "/users/{user_id}/password",
    operation_id = "updateUserPassword",
    tag = "user",
    request_body = PasswordRequest,
    responses((status = 200)),
)]
pub(super) async fn change_password(
    asked: Asked,
    Names(id): Names<i64>,
    Body(request): Body<PasswordRequest>,
) -> Result<StatusCode> {
    require_self_or(SystemAction::UserUpdate, &asked, id).await?;
    let user = find_to_change(&asked, id).await?;
    let (auth, now) = (asked.state.auth(), Utc::now());
    let is_own = asked.caller.identity.user_id() == Some(id);
    if is_own {
        auth.login(&user.username, &request.old_password, asked.from, now)
            .await
            .map_err(|error| match error {
                auth::Error::WrongCredentials => {
                    forbidden("Current password is incorrect".to_owned())
                }
                error => Error::of_auth_failure(error),
            })?;
    }
    auth::check_password_rule(&request.new_password).map_err(refused_password)?;
    if is_own && request.new_password == request.old_password {
        return Err(bad_request(
            "New password is identical to old password".to_owned(),
        ));
    }
    auth.set_password(id, &request.new_password, now)
        .await
        .map(|()| StatusCode::OK)
        .map_err(refused_password)
}

/// Refuses to set a secret for the command line.
///
/// Who comes from an identity provider has one; who has a password signs in with that everywhere.
#[utoipa::path(
    put,
    path = "/users/{user_id}/cli_secret",
    operation_id = "setCliSecret",
    tag = "user",
    responses((status = 412)),
)]
pub(super) async fn set_cli_secret(asked: Asked, Names(_): Names<i64>) -> Result<StatusCode> {
    asked.signed_in()?;
    Err(Error::new(
        StatusCode::PRECONDITION_FAILED,
        harbor::PRECONDITION,
        "unable to update CLI secret under authmode: db_auth",
    ))
}

const NO_ADMINISTRATOR: &str =
    "a robot changes no administrator, and makes none: it could become one";

/// Administrators may, and strangers where that is wanted, as often as they may try passwords.
async fn require_creatable(asked: &Asked) -> Result<()> {
    let auth = asked.state.auth();
    if asked.caller.identity.is_anonymous() {
        let is_wanted = auth.setting(settings::SELF_REGISTRATION).await;
        if is_wanted.map_err(Error::of_auth_failure)? == "true" {
            let admitted = auth.admit_stranger(asked.from, Utc::now());
            return admitted.map_err(Error::of_auth_failure);
        }
    }
    asked.system(SystemAction::UserCreate).await.map(drop)
}

/// Strangers are told to sign in, other users nothing: not even whether there is such a user.
async fn require_self_or(action: SystemAction, asked: &Asked, id: i64) -> Result<()> {
    if asked.caller.identity.user_id() == Some(id) {
        return Ok(());
    }
    asked.system(action).await.map(drop)
}

async fn find_to_change(asked: &Asked, id: i64) -> Result<User> {
    let user = find(asked, id).await?;
    let is_robot = matches!(asked.caller.identity, Identity::Robot { .. });
    match is_robot && user.is_sysadmin {
        true => Err(forbidden(NO_ADMINISTRATOR.to_owned())),
        false => Ok(user),
    }
}

/// A page of users without the first administrator.
async fn find_listed(asked: &Asked, paging: &mut Paging) -> Result<Paged<User>> {
    let after_first = Test::Between(Some((FIRST_ADMIN_ID + 1).to_string()), None);
    paging.page.filter.push(filter("user_id", after_first));
    let found = asked.state.db().list_users(&paging.page).await;
    found.map_err(Error::of_metadata)
}

fn filter(key: &str, test: Test) -> Filter {
    Filter {
        key: key.to_owned(),
        test,
    }
}

async fn find(asked: &Asked, id: i64) -> Result<User> {
    let not_found = || {
        Error::new(
            StatusCode::NOT_FOUND,
            harbor::NOT_FOUND,
            format!("user {id} not found"),
        )
    };
    asked
        .state
        .db()
        .find_user(id)
        .await
        .map_err(Error::of_metadata)?
        .ok_or_else(not_found)
}

fn or_taken(taken: String, error: metadata::Error) -> Error {
    match error {
        metadata::Error::Conflict { .. } => {
            Error::new(StatusCode::CONFLICT, harbor::CONFLICT, taken)
        }
        error => Error::of_metadata(error),
    }
}

fn refused_password(error: auth::Error) -> Error {
    match error {
        auth::Error::WeakPassword => bad_request(error.to_string()),
        auth::Error::Metadata(error) => Error::of_metadata(error),
        error => Error::of_auth_failure(error),
    }
}

fn bad_request(message: String) -> Error {
    Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
}

fn forbidden(message: String) -> Error {
    Error::new(StatusCode::FORBIDDEN, harbor::FORBIDDEN, message)
}
