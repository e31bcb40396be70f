//! What a stack leaves behind on the services, removed when it is dropped.

use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

use crate::services::Services;

/// Removes the databases and queues of this name, as far as that is possible.
pub fn remove(services: Services, name: String) {
    // Databases are dropped at once, so that many tests do not fill the disk; the services themselves are temporary.
    let dropped = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            // Bounded: a failed test may have left a service that stands still.
            let limit = Duration::from_secs(10);
            let _dropped = tokio::time::timeout(limit, drop_postgres(&services.postgres, &name)).await;
            let _dropped = tokio::time::timeout(limit, drop_mongodb(&services.mongodb, &name)).await;
            let _deleted = tokio::time::timeout(limit, delete_queues(&services.rabbitmq, &name)).await;
        });
    });
    let _joined = dropped.join();
}

async fn drop_postgres(url: &str, name: &str) {
    if let Ok(mut connection) = AsyncPgConnection::establish(url).await {
        let _dropped = connection.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    }
}

async fn drop_mongodb(url: &str, name: &str) {
    if let Ok(client) = mongodb::Client::with_uri_str(url).await {
        let _dropped = client.database(name).drop().await;
    }
}

/// Durable queues would make each later start of the broker slower.
async fn delete_queues(url: &str, namespace: &str) {
    let Ok(connection) = lapin::Connection::connect(url, lapin::ConnectionProperties::default()).await else { return };
    for queue in ["projector", "dead-letters", "ear"] {
        let Ok(channel) = connection.create_channel().await else { return };
        let options = lapin::options::QueueDeleteOptions::default();
        let _deleted = channel.queue_delete(format!("{namespace}.{queue}").into(), options).await;
    }
    let _closed = connection.close(200, "done".into()).await;
}
