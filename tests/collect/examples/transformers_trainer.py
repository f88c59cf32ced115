import torch
from transformers import Trainer, TrainingArguments


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x, labels):
        out = self.layer(x).squeeze(-1)
        return {"loss": ((out - labels) ** 2).mean(), "logits": out}


data = [{"x": torch.tensor([i / 10, 1.0]), "labels": torch.tensor(i / 5)} for i in range(16)]
arguments = TrainingArguments(
    "out",
    logging_steps=1,
    num_train_epochs=2,
    per_device_train_batch_size=8,
    eval_strategy="epoch",
    report_to=["tensorboard"],
    use_cpu=True,
    disable_tqdm=True,
)
trainer = Trainer(Model(), arguments, train_dataset=data, eval_dataset=data)
trainer.train()
trainer.save_state()
