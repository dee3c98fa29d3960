/* info_report.h - tensors, pictures and the page of an information run. */

#ifndef DS_CLI_INFO_REPORT_H
#define DS_CLI_INFO_REPORT_H

#include "info_job.h"

/* tensors.safetensors: i_o, i_s, i_o_se, i_s_se [h,w] of the first question, in nats per latent
 * pixel; of several, all as KEY.i_o and so on; latent [1,C,h,w]. */
ds_status info_save_tensors(const info_job *j, const char *dir, ds_error *err);

/* KEY.i_o.png and KEY.i_s.png, and the picture if there is one. */
ds_status info_save_pictures(const info_job *j, const char *dir, ds_error *err);
ds_status info_save_page(const info_job *j, const char *svg, const char *dir, ds_error *err);

#endif
