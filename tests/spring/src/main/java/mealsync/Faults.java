package mealsync;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.MediaType;
import org.springframework.web.servlet.function.RouterFunction;
import org.springframework.web.servlet.function.RouterFunctions;
import org.springframework.web.servlet.function.ServerRequest;
import org.springframework.web.servlet.function.ServerResponse;

/** Passes what the demo asks for under {@code /demo} on to whoever plays its faults. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnProperty("mealsync.faults")
class Faults {
    @Bean
    RouterFunction<ServerResponse> demo(@Value("${mealsync.faults}") URI desk) {
        HttpClient client = HttpClient.newHttpClient();
        return RouterFunctions.route().POST("/demo/fault", request -> forward(client, desk, request)).build();
    }

    private static ServerResponse forward(HttpClient client, URI desk, ServerRequest request)
            throws IOException, InterruptedException {
        String query = request.uri().getRawQuery();
        URI target = desk.resolve("/demo/fault" + (query == null ? "" : "?" + query));
        HttpRequest call = HttpRequest.newBuilder(target).POST(HttpRequest.BodyPublishers.noBody()).build();
        HttpResponse<String> answer = client.send(call, HttpResponse.BodyHandlers.ofString());
        return ServerResponse.status(answer.statusCode())
                .contentType(MediaType.APPLICATION_JSON)
                .body(answer.body());
    }
}
