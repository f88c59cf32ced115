import json

import numpy as np
from catboost import CatBoostRegressor

x = np.arange(200.0).reshape(100, 2)
model = CatBoostRegressor(iterations=10, verbose=False, thread_count=1, eval_metric="MAE")
model.fit(x, x[:, 0], eval_set=(x, x[:, 0]))
json.dump(model.get_evals_result(), open("evals.json", "w"))
