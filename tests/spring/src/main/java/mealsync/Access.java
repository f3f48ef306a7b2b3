package mealsync;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configurers.AbstractHttpConfigurer;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.SecurityFilterChain;

/** Basic authentication for the actuator where a user is given; everything else is open. */
@Configuration(proxyBeanMethods = false)
class Access {
    @Bean
    SecurityFilterChain chain(HttpSecurity http, @Value("${mealsync.actuator.username:}") String username)
            throws Exception {
        http.csrf(AbstractHttpConfigurer::disable)
                .sessionManagement(session -> session.sessionCreationPolicy(SessionCreationPolicy.STATELESS));
        if (username.isEmpty()) {
            return http.authorizeHttpRequests(all -> all.anyRequest().permitAll()).build();
        }
        return http.authorizeHttpRequests(all -> all
                        .requestMatchers("/actuator/health").permitAll()
                        .requestMatchers("/actuator/**").authenticated()
                        .anyRequest().permitAll())
                .httpBasic(basic -> {})
                .build();
    }

    @Bean
    UserDetailsService users(
            @Value("${mealsync.actuator.username:}") String username,
            @Value("${mealsync.actuator.password:}") String password) {
        // {noop}: one password of a demo, given anew at each start. The manager itself would replace it by a bcrypt
        // hash at the first login, and every request after that would take a tenth of a second of the processor.
        InMemoryUserDetailsManager manager = new InMemoryUserDetailsManager();
        if (!username.isEmpty()) {
            manager.createUser(
                    User.withUsername(username).password("{noop}" + password).roles("ACTUATOR").build());
        }
        return manager::loadUserByUsername;
    }
}
