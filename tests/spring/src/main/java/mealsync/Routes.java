package mealsync;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.dao.DataAccessException;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.web.filter.ServerHttpObservationFilter;
import org.springframework.web.servlet.function.RequestPredicates;
import org.springframework.web.servlet.function.RouterFunction;
import org.springframework.web.servlet.function.RouterFunctions;
import org.springframework.web.servlet.function.ServerRequest;
import org.springframework.web.servlet.function.ServerResponse;

/** Turns the list of endpoints into routes; the templates of their paths become the label {@code uri}. */
@Configuration(proxyBeanMethods = false)
class Routes {
    @Bean
    RouterFunction<ServerResponse> endpoints(
            @Value("${mealsync.endpoints}") Path file, ObjectMapper json, Rows rows, Cache cache) throws IOException {
        List<Endpoint> endpoints = json.readValue(file.toFile(), new TypeReference<>() {});
        RouterFunctions.Builder routes = RouterFunctions.route();
        // /api/recipes/trending would be a recipe otherwise: the first route that matches is taken.
        endpoints.stream().sorted(Comparator.comparing(Routes::variables)).forEach(endpoint -> routes.route(
                RequestPredicates.method(HttpMethod.valueOf(endpoint.method()))
                        .and(RequestPredicates.path(endpoint.uri())),
                request -> answer(endpoint, request, rows, cache)));
        routes.onError(CannotGetJdbcConnectionException.class,
                (error, request) -> failed(error, request, HttpStatus.SERVICE_UNAVAILABLE, "no connection"));
        routes.onError(DataAccessException.class,
                (error, request) -> failed(error, request, HttpStatus.INTERNAL_SERVER_ERROR, "database"));
        return routes.build();
    }

    private static long variables(Endpoint endpoint) {
        return endpoint.uri().chars().filter(letter -> letter == '{').count();
    }

    private static ServerResponse answer(Endpoint endpoint, ServerRequest request, Rows rows, Cache cache) {
        Map<String, Object> values = new LinkedHashMap<>();
        request.params().forEach((name, texts) -> values.put(name, typed(texts.get(0))));
        for (Map.Entry<String, String> variable : request.pathVariables().entrySet()) {
            if (!(typed(variable.getValue()) instanceof Long id)) {
                return ServerResponse.notFound().build();
            }
            values.put(variable.getKey(), id);
        }
        String found = endpoint.cacheSeconds() == 0
                ? rows.of(endpoint.sql(), values)
                : cache.getOrLoad(key(endpoint, values), endpoint.cacheSeconds(), () -> rows.of(endpoint.sql(), values));
        return ServerResponse.status(found == null ? endpoint.whenEmpty() : 200)
                .contentType(MediaType.APPLICATION_JSON)
                .body(found == null ? "[]" : found);
    }

    private static Object typed(String text) {
        return text.matches("[0-9]{1,18}") ? (Object) Long.valueOf(text) : text;
    }

    private static String key(Endpoint endpoint, Map<String, Object> values) {
        StringBuilder key = new StringBuilder("mealsync:").append(endpoint.uri());
        values.forEach((name, value) -> key.append(':').append(name).append('=').append(value));
        return key.toString();
    }

    private static ServerResponse failed(Throwable error, ServerRequest request, HttpStatus status, String what) {
        // An error that is handled here would leave the labels error and exception at "none".
        ServerHttpObservationFilter.findObservationContext(request.servletRequest())
                .ifPresent(context -> context.setError(NestedExceptionUtils.getMostSpecificCause(error)));
        return ServerResponse.status(status).contentType(MediaType.APPLICATION_JSON).body(Map.of("error", what));
    }
}
