# SPDX-License-Identifier: Apache-2.0
# A binary predictor with Keras for R: 20 numbers, 64 and 32 neurons, yes or no. The rows are made
# here, so nothing is downloaded. results/ gets the loss curve and the model.
#
#   Rscript train.R [EPOCHS]
library(keras3)

args <- commandArgs(trailingOnly = TRUE)
epochs <- if (length(args) > 0) suppressWarnings(as.integer(args[[1]])) else 20L
if (is.na(epochs) || epochs < 1) stop("EPOCHS must be a whole number, 1 or more")

set_random_seed(7L)
set.seed(7)
make_rows <- function(n) {
  x <- matrix(runif(n * 20, -1, 1), ncol = 20)
  score <- 3 * x[, 1] - 2 * x[, 2] + 2 * x[, 3] * x[, 4] + 2 * (0.5 - abs(x[, 5])) +
    rnorm(n, sd = 0.7)
  list(x = x, y = as.numeric(score > 0))
}
seen <- make_rows(16384)
unseen <- make_rows(2048)

model <- keras_model_sequential(input_shape = 20)
model |>
  layer_dense(64, activation = "relu") |>
  layer_dense(32, activation = "relu") |>
  layer_dense(1, activation = "sigmoid")
model |> compile(optimizer = "adam", loss = "binary_crossentropy",
                 metrics = list("accuracy", metric_auc(name = "auc")))
history <- model |> fit(seen$x, seen$y, epochs = epochs, batch_size = 64, verbose = 2,
                        validation_data = list(unseen$x, unseen$y))

dir.create("results", showWarnings = FALSE)
curve <- data.frame(epoch = seq_len(epochs), history$metrics)
write.csv(curve, "results/loss.csv", row.names = FALSE)
save_model(model, "results/model.keras", overwrite = TRUE)
cat(sprintf("accuracy %.4f, AUC %.4f on rows it was not trained on\n",
            tail(curve$val_accuracy, 1), tail(curve$val_auc, 1)))
