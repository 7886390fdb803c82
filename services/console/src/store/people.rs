//! People, their sessions, and wrong passwords. Kept when the projection is emptied.

use chassis::config::Secret;
use kernel::Instant;
use kernel::taxonomy::Office;

use super::{Store, StoreError};
use crate::people::{Person, Session};

impl Store {
    /// The person of a login.
    ///
    /// # Errors
    /// `Sql`, `Row`.
    pub async fn person(&self, login: &str) -> Result<Option<Person>, StoreError> {
        let row: Option<(String, String, String, String, String)> =
            sqlx::query_as("SELECT login, password, role, office, name FROM people WHERE login = $1")
                .bind(login)
                .fetch_optional(self.database.pool())
                .await?;
        row.map(|(login, password, role, office, name)| {
            let role = role.parse().map_err(|_| StoreError::Row("role"))?;
            Ok(Person {
                login,
                password: Secret::new(password),
                role,
                office: office.parse().ok(),
                name,
            })
        })
        .transpose()
    }

    /// Writes a person and ends the sessions they had: a new password or role counts at once.
    ///
    /// # Errors
    /// `Sql`.
    pub async fn put_person(&self, person: &Person) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        sqlx::query(
            "INSERT INTO people (login, password, role, office, name) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (login) DO UPDATE SET password = excluded.password, role = excluded.role,
                office = excluded.office, name = excluded.name",
        )
        .bind(&person.login)
        .bind(person.password.reveal())
        .bind(person.role.code())
        .bind(person.office.map_or("", Office::code))
        .bind(&person.name)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM sessions WHERE login = $1")
            .bind(&person.login)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Opens a session and forgets those that ended.
    ///
    /// # Errors
    /// `Sql`.
    pub async fn open_session(
        &self,
        token_sha256: &str,
        session: &Session,
        now: Instant,
        expires_at: Instant,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE expires_at <= $1")
            .bind(now.0)
            .execute(self.database.pool())
            .await?;
        sqlx::query("INSERT INTO sessions (token_sha256, login, csrf, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(token_sha256)
            .bind(&session.login)
            .bind(&session.csrf)
            .bind(expires_at.0)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }

    /// The session of a token, unless it ended.
    ///
    /// # Errors
    /// `Sql`, `Row`.
    pub async fn session(&self, token_sha256: &str, now: Instant) -> Result<Option<Session>, StoreError> {
        let row: Option<(String, String, String, String, String)> = sqlx::query_as(
            "SELECT p.login, p.role, p.office, p.name, s.csrf FROM sessions s JOIN people p ON p.login = s.login
             WHERE s.token_sha256 = $1 AND s.expires_at > $2",
        )
        .bind(token_sha256)
        .bind(now.0)
        .fetch_optional(self.database.pool())
        .await?;
        row.map(|(login, role, office, name, csrf)| {
            let role = role.parse().map_err(|_| StoreError::Row("role"))?;
            Ok(Session {
                login,
                role,
                office: office.parse().ok(),
                name,
                csrf,
            })
        })
        .transpose()
    }

    /// Ends a session.
    ///
    /// # Errors
    /// `Sql`.
    pub async fn end_session(&self, token_sha256: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE token_sha256 = $1")
            .bind(token_sha256)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }

    /// How many wrong passwords a login had since `after`.
    ///
    /// # Errors
    /// `Sql`.
    pub async fn failures(&self, login_sha256: &str, after: Instant) -> Result<u32, StoreError> {
        let count: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM sign_in_failures WHERE login_sha256 = $1 AND at > $2")
                .bind(login_sha256)
                .bind(after.0)
                .fetch_one(self.database.pool())
                .await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Notes a wrong password, and forgets all from before `old`.
    ///
    /// # Errors
    /// `Sql`.
    pub async fn note_failure(
        &self,
        login_sha256: &str,
        now: Instant,
        old: Instant,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sign_in_failures WHERE at <= $1")
            .bind(old.0)
            .execute(self.database.pool())
            .await?;
        sqlx::query("INSERT INTO sign_in_failures (login_sha256, at) VALUES ($1, $2)")
            .bind(login_sha256)
            .bind(now.0)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }

    /// Forgets the wrong passwords of a login.
    ///
    /// # Errors
    /// `Sql`.
    pub async fn clear_failures(&self, login_sha256: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sign_in_failures WHERE login_sha256 = $1")
            .bind(login_sha256)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }
}
