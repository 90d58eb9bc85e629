/* English names of months and weekdays. */
#ifndef FEAT_LIB_NAMES_H
#define FEAT_LIB_NAMES_H

/* Sunday first. */
extern const char *const feat_weekday_names[7], *const feat_weekday_abbreviations[7];
extern const char *const feat_month_names[12], *const feat_month_abbreviations[12];

#endif
