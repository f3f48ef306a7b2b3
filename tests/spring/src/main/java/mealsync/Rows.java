package mealsync;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.springframework.jdbc.core.namedparam.NamedParameterJdbcTemplate;
import org.springframework.stereotype.Component;

/** Rows as JSON, in the same form as the Python service gives them: lists of lists, dates and decimals as text. */
@Component
class Rows {
    private static final DateTimeFormatter WHOLE = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ssxxx");
    private static final DateTimeFormatter WITH_MICROS = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSSSSSxxx");

    private final NamedParameterJdbcTemplate database;
    private final ObjectMapper json;

    Rows(NamedParameterJdbcTemplate database, ObjectMapper json) {
        this.database = database;
        this.json = json;
    }

    /** The rows, or how many the statement changed; null where there are none. */
    String of(String sql, Map<String, Object> values) {
        List<?> rows = database.execute(sql, values, this::run);
        try {
            return rows == null || rows.isEmpty() ? null : json.writeValueAsString(rows);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private List<?> run(PreparedStatement statement) throws SQLException {
        if (!statement.execute()) {
            return List.of(statement.getUpdateCount());
        }
        List<List<Object>> rows = new ArrayList<>();
        try (ResultSet result = statement.getResultSet()) {
            ResultSetMetaData columns = result.getMetaData();
            while (result.next()) {
                List<Object> row = new ArrayList<>();
                for (int column = 1; column <= columns.getColumnCount(); column++) {
                    row.add(value(result, column, columns.getColumnTypeName(column)));
                }
                rows.add(row);
            }
        }
        return rows;
    }

    private Object value(ResultSet result, int column, String type) throws SQLException {
        Object value = result.getObject(column);
        if (value == null) {
            return null;
        }
        return switch (type) {
            case "json", "jsonb" -> document(result.getString(column));
            case "numeric" -> result.getBigDecimal(column).toPlainString();
            case "timestamptz" -> moment(result.getObject(column, OffsetDateTime.class));
            default -> value instanceof Number || value instanceof Boolean ? value : result.getString(column);
        };
    }

    private Object document(String text) {
        try {
            return json.readTree(text);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static String moment(OffsetDateTime moment) {
        return moment.format(moment.getNano() == 0 ? WHOLE : WITH_MICROS);
    }
}
