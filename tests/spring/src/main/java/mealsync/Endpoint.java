package mealsync;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * One route, as observer/demo/workload/endpoints.py declares it; the demo hands the list over as a file.
 *
 * @param sql with named parameters as Spring writes them, {@code :recipe}
 * @param cacheSeconds how long Redis keeps the answer; 0 asks the database each time
 * @param whenEmpty HTTP status when there is no row
 */
record Endpoint(
        String method,
        String uri,
        String sql,
        @JsonProperty("cache_seconds") int cacheSeconds,
        @JsonProperty("when_empty") int whenEmpty) {}
