-- The shop's invoice lines, and what is known of a customer and of a product at any moment.

CREATE TABLE invoice_lines (
    line_id BIGINT NOT NULL,          -- number of the line in the file: the data has full duplicates
    invoice TEXT NOT NULL,
    stock_code TEXT NOT NULL,
    description TEXT,
    quantity BIGINT NOT NULL,         -- negative: goods that came back
    invoiced_at TIMESTAMP NOT NULL,
    unit_price DOUBLE NOT NULL,
    customer_id BIGINT,               -- NULL: no known customer; the line still counts for its product
    country TEXT NOT NULL,
    ENTITY KEY (customer_id), EVENT TIME (invoiced_at), UNIQUE (line_id)
) WITH (description = 'one line of one invoice');

CREATE FEATURE VIEW customer_activity AS
SELECT customer_id,
       count(*) OVER d7 AS lines_7d,
       count(*) OVER d90 AS lines_90d,
       sum(quantity * unit_price) OVER d30 AS spent_30d,
       sum(quantity * unit_price) OVER ever AS spent_ever,
       avg(quantity * unit_price) OVER d90 AS line_value_90d,
       max(quantity * unit_price) OVER d90 AS line_value_max_90d,
       count(*) FILTER (WHERE quantity < 0) OVER d90 AS returns_90d,
       count(*) FILTER (WHERE quantity < 0) OVER ever AS returns_ever,
       sum(-quantity * unit_price) FILTER (WHERE quantity < 0) OVER ever AS returned_ever,
       count(*) OVER ever AS lines_ever,
       first(invoiced_at) OVER ever AS first_seen,
       last(country) OVER ever AS country,
       coalesce(returns_ever / nullif(lines_ever, 0), 0) AS return_rate,
       CASE WHEN spent_30d > 1000 THEN 'high' WHEN spent_30d > 0 THEN 'some' ELSE 'none' END AS spender
FROM invoice_lines
GROUP BY customer_id
WINDOW d7 AS (RANGE INTERVAL '7 days' PRECEDING),
       d30 AS (RANGE INTERVAL '30 days' PRECEDING),
       d90 AS (RANGE INTERVAL '90 days' PRECEDING),
       ever AS (RANGE UNBOUNDED PRECEDING);

-- The same language as a window query over events, as DuckDB or PostgreSQL would run it.
CREATE FEATURE VIEW product_activity AS
SELECT stock_code,
       count(*) OVER d30 AS sales_30d,
       sum(quantity) OVER d30 AS units_30d,
       avg(unit_price) OVER d90 AS price_90d,
       min(unit_price) FILTER (WHERE quantity > 0) OVER d90 AS price_min_90d,
       max(unit_price) FILTER (WHERE quantity > 0) OVER d90 AS price_max_90d,
       last(unit_price) OVER d90 AS price_last,
       count(*) FILTER (WHERE customer_id IS NULL) OVER d90 AS anonymous_90d,
       count(*) FILTER (WHERE quantity < 0) OVER d90 AS product_returns_90d
FROM invoice_lines
WINDOW d30 AS (PARTITION BY stock_code ORDER BY invoiced_at RANGE BETWEEN INTERVAL '30 days' PRECEDING AND CURRENT ROW),
       d90 AS (PARTITION BY stock_code ORDER BY invoiced_at RANGE BETWEEN INTERVAL '90 days' PRECEDING AND CURRENT ROW);

CREATE FEATURE SERVICE returns_soon AS
SELECT c.*, p.*,
       c.line_value_90d / nullif(p.price_90d, 0) AS value_to_price,
       p.product_returns_90d / nullif(p.sales_30d, 0) AS product_return_rate
FROM REQUEST (customer_id BIGINT, stock_code TEXT) AS r
LEFT JOIN customer_activity c USING (customer_id)
LEFT JOIN product_activity p USING (stock_code);
