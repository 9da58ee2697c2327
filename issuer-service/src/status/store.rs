//! Status lists in the database.

use sqlx::{Any, AnyPool, Row as _, Transaction};

use crate::app::Issuer;

/// Entries of one list: large enough to hide in, small enough to fetch.
const CAPACITY: i64 = 1 << 17;
/// A list is full when half of it is used, so that drawing a free index at random takes two tries on average.
const FULL: i64 = CAPACITY / 2;
/// Draws for one index before something must be wrong.
const MAX_DRAWS: usize = 64;

/// A place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The list.
    pub list: i64,
    /// The index.
    pub index: i64,
}

/// A list's size and version.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListRow {
    /// Entries.
    pub(super) capacity: i64,
    /// Counts changes.
    pub(super) version: i64,
}

/// Gives out so many entries. They are never given out again, even if nothing is issued with them.
pub async fn allocate(app: &Issuer, count: usize) -> sqlx::Result<Vec<Entry>> {
    let mut transaction = app.database.begin().await?;
    let list = open_list(&mut transaction).await?;
    let mut entries = Vec::with_capacity(count);
    while entries.len() < count {
        entries.push(draw(app, &mut transaction, list).await?);
    }
    sqlx::query("UPDATE status_lists SET used = used + $1 WHERE list = $2")
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .bind(list)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(entries)
}

async fn open_list(transaction: &mut Transaction<'_, Any>) -> sqlx::Result<i64> {
    let open = sqlx::query("SELECT list FROM status_lists WHERE used < $1 ORDER BY list DESC LIMIT 1")
        .bind(FULL)
        .fetch_optional(&mut **transaction)
        .await?;
    if let Some(row) = open {
        return row.try_get("list");
    }
    let next: i64 = sqlx::query("SELECT COALESCE(MAX(list), 0) + 1 AS next FROM status_lists")
        .fetch_one(&mut **transaction)
        .await?
        .try_get("next")?;
    // Another process may make the same list at the same time; one list is what both want.
    sqlx::query("INSERT INTO status_lists (list, capacity, used, version) VALUES ($1, $2, 0, 1) ON CONFLICT (list) DO NOTHING")
        .bind(next)
        .bind(CAPACITY)
        .execute(&mut **transaction)
        .await?;
    Ok(next)
}

async fn draw(app: &Issuer, transaction: &mut Transaction<'_, Any>, list: i64) -> sqlx::Result<Entry> {
    for _ in 0..MAX_DRAWS {
        let random = u32::from_be_bytes(app.environment.random.bytes());
        // The capacity is a power of two, so the remainder is uniform.
        let index = i64::from(random).rem_euclid(CAPACITY);
        let taken = sqlx::query("INSERT INTO status_entries (list, entry) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(list)
            .bind(index)
            .execute(&mut **transaction)
            .await?;
        if taken.rows_affected() == 1 {
            return Ok(Entry { list, index });
        }
    }
    Err(sqlx::Error::Protocol("no free index was drawn from a list that is half empty".to_owned()))
}

/// A list.
pub(super) async fn list(pool: &AnyPool, list: i64) -> sqlx::Result<Option<ListRow>> {
    let row = sqlx::query("SELECT capacity, version FROM status_lists WHERE list = $1").bind(list).fetch_optional(pool).await?;
    row.map(|row| Ok(ListRow { capacity: row.try_get("capacity")?, version: row.try_get("version")? })).transpose()
}

/// The entries of a list that are not active: index and status.
pub(super) async fn not_active(pool: &AnyPool, list: i64) -> sqlx::Result<Vec<(i64, String)>> {
    let rows = sqlx::query(
        "SELECT credentials.status_index AS entry, issuances.status AS status FROM credentials
         JOIN issuances ON issuances.id = credentials.issuance_id
         WHERE credentials.status_list = $1 AND issuances.status <> 'active'",
    )
    .bind(list)
    .fetch_all(pool)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("entry")?, row.try_get("status")?))).collect()
}

/// Counts a change of a list.
pub(super) async fn changed(transaction: &mut Transaction<'_, Any>, list: i64) -> sqlx::Result<()> {
    sqlx::query("UPDATE status_lists SET version = version + 1 WHERE list = $1")
        .bind(list)
        .execute(&mut **transaction)
        .await
        .map(drop)
}
