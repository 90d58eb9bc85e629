/* How the rows of a table are laid out: partition after partition, in each by entity key and event time. */
#include "store/order.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/calendar.h"

#define DAY_US INT64_C(86400000000)

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

int32_t feat_partition_of(const feat_schema *table, const feat_column *times, size_t row) {
    if (table->partition == FEAT_PARTITION_NONE || feat_column_is_null(times, row)) return 0;
    int64_t day = feat_column_int(times, row);
    if (times->type != FEAT_TYPE_DATE) day = floor_div(day, DAY_US);
    if (table->partition == FEAT_PARTITION_WEEK) day -= day + 3 - 7 * floor_div(day + 3, 7); /* day 0 is a Thursday */
    if (table->partition == FEAT_PARTITION_MONTH) day -= feat_part_of_day(day, FEAT_PART_DAY) - 1;
    return day < INT32_MIN ? INT32_MIN : day > INT32_MAX ? INT32_MAX : (int32_t)day;
}

static int64_t in_unit(int64_t day, bool days, int64_t limit) {
    int64_t us;
    if (days) return day;
    return __builtin_mul_overflow(day, DAY_US, &us) ? limit : us;
}

void feat_partition_bounds(const feat_schema *table, int32_t partition, int64_t *least, int64_t *greatest) {
    bool days = table->fields[table->time].type == FEAT_TYPE_DATE;
    int64_t end = (int64_t)partition + 1;
    if (table->partition == FEAT_PARTITION_WEEK) end = (int64_t)partition + 7;
    if (table->partition == FEAT_PARTITION_MONTH) end = feat_last_day(partition) + 1;
    *least = in_unit(partition, days, INT64_MIN);
    *greatest = in_unit(end, days, INT64_MAX);
    if (*greatest != INT64_MAX) --*greatest;
    /* Days that no partition can be called by are in the first or the last. */
    if (partition == INT32_MIN) *least = INT64_MIN;
    if (partition == INT32_MAX) *greatest = INT64_MAX;
}

size_t feat_partition_end(const feat_schema *table, const feat_column *times, size_t start, size_t n,
                          int32_t *partition) {
    size_t end = start + 1;
    *partition = feat_partition_of(table, times, start);
    if (table->partition == FEAT_PARTITION_NONE) return start + n;
    while (end < start + n && feat_partition_of(table, times, end) == *partition) end++;
    return end;
}

/* The list's fields that are not among the first `n` of `order`; those of one list differ. Returns the new length. */
static size_t append_fields(uint32_t *order, size_t n, const uint32_t *list, size_t length) {
    size_t added = n;
    for (size_t i = 0; i < length; i++) {
        uint32_t field = list ? list[i] : (uint32_t)i;
        bool there = false;
        for (size_t k = 0; k < n && !there; k++) there = order[k] == field;
        if (!there) order[added++] = field;
    }
    return added;
}

void feat_table_order(const feat_schema *table, uint32_t *order) {
    size_t n = append_fields(order, 0, table->key, table->n_key);
    n = append_fields(order, n, &table->time, 1);
    n = append_fields(order, n, table->unique, table->n_unique);
    append_fields(order, n, NULL, table->n_fields);
}

/* ---- Columns of all times. ---- */

static int compare_fields(const void *a, const void *b) {
    uint32_t x = ((const feat_field *)a)->id, y = ((const feat_field *)b)->id;
    return (x > y) - (x < y);
}

feat_status feat_schema_as_written(const feat_schema *table, feat_schema *out, feat_error *err) {
    feat_schema s = {.name = table->name, .table_id = table->table_id};
    s.fields = feat_alloc_zero(table->n_fields + table->n_retired, sizeof *s.fields);
    if (!s.fields) return feat_fail_memory(err);
    for (size_t i = 0; i < table->n_fields; i++)
        s.fields[s.n_fields++] =
            (feat_field){.type = table->fields[i].type, .id = feat_field_stored(&table->fields[i])};
    for (size_t i = 0; i < table->n_retired; i++)
        s.fields[s.n_fields++] = (feat_field){.type = table->retired[i].type, .id = table->retired[i].stored};
    qsort(s.fields, s.n_fields, sizeof *s.fields, compare_fields);
    *out = s;
    return FEAT_OK;
}
