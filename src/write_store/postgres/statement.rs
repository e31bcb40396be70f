//! Hand-written SQL that is prepared once per connection: what `diesel::sql_query` does not do.

/// Declares a statement with its parameters in place:
/// `statement! { Name -> RowType: "SELECT .. WHERE id = " {id: Uuid as SqlUuid} " AND .." }`.
///
/// The struct's type is the key of the connection's statement cache, so the text must not depend on values.
macro_rules! statement {
    (
        $(#[$meta:meta])*
        $name:ident -> $row:ty:
        $head:literal $( { $field:ident: $rust:ty as $sql:ty } $tail:literal )*
    ) => {
        $(#[$meta])*
        pub(super) struct $name {
            $( pub(super) $field: $rust, )*
        }

        impl diesel::query_builder::QueryId for $name {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::Query for $name {
            type SqlType = $row;
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                out.push_sql($head);
                $(
                    out.push_bind_param::<$sql, $rust>(&self.$field)?;
                    out.push_sql($tail);
                )*
                Ok(())
            }
        }
    };
}

pub(super) use statement;
