package mealsync;

import com.zaxxer.hikari.HikariDataSource;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.jdbc.DataSourceProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** A second pool, as services have for reports. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnProperty("mealsync.second-pool")
class SecondPool {
    // Not a default candidate: the auto-configured pool stays the one that everything uses.
    @Bean(defaultCandidate = false, destroyMethod = "close")
    HikariDataSource reports(DataSourceProperties properties) {
        HikariDataSource pool =
                properties.initializeDataSourceBuilder().type(HikariDataSource.class).build();
        pool.setPoolName("reports");
        pool.setMaximumPoolSize(2);
        pool.setMinimumIdle(0);
        return pool;
    }
}
