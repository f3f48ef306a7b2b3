package mealsync;

import java.time.Duration;
import java.util.function.Supplier;
import org.springframework.dao.DataAccessException;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.stereotype.Component;

/** Cache-aside that the service can live without: when Redis is away, every request is a miss. */
@Component
class Cache {
    private final StringRedisTemplate redis;

    Cache(StringRedisTemplate redis) {
        this.redis = redis;
    }

    /** The cached text, or what {@code load} returns, kept for a while; null is not kept. */
    String getOrLoad(String key, int seconds, Supplier<String> load) {
        try {
            String cached = redis.opsForValue().get(key);
            if (cached != null) {
                return cached;
            }
        } catch (DataAccessException away) {
            return load.get();
        }
        String value = load.get();
        if (value != null) {
            try {
                redis.opsForValue().set(key, value, Duration.ofSeconds(seconds));
            } catch (DataAccessException away) {
                return value;
            }
        }
        return value;
    }
}
