package mealsync;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.autoconfigure.data.redis.RedisReactiveAutoConfiguration;
import org.springframework.boot.autoconfigure.security.servlet.UserDetailsServiceAutoConfiguration;

/** MealSync: a service with a pool and a cache, as Spring Boot makes it. */
@SpringBootApplication(exclude = {RedisReactiveAutoConfiguration.class, UserDetailsServiceAutoConfiguration.class})
public class Application {
    public static void main(String[] arguments) {
        SpringApplication.run(Application.class, arguments);
    }
}
